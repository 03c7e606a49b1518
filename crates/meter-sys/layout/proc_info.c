/* Apple's header against the numbers in src/darwin; compiled, never linked, by `cargo xtask mac-check`. */
#include <libproc.h>
#include <stddef.h>
#include <sys/proc_info.h>

#define AT(structure, field, offset) _Static_assert(offsetof(struct structure, field) == (offset), #field)
#define SIZE(structure, bytes) _Static_assert(sizeof(struct structure) == (bytes), #structure)

/* libproc.rs */
SIZE(proc_fdinfo, 8);
SIZE(proc_bsdinfo, 136);
AT(proc_bsdinfo, pbi_start_tvsec, 120);
SIZE(proc_vnodepathinfo, 2352);
AT(vnode_info_path, vip_path, 152);
_Static_assert(PROC_ALL_PIDS == 1, "all pids");
_Static_assert(PROC_PIDFDSOCKETINFO == 3, "socket of a descriptor");

/* sockinfo.rs */
SIZE(socket_fdinfo, 792);
AT(socket_fdinfo, psi.soi_kind, 256);
AT(socket_fdinfo, psi.soi_proto.pri_tcp.tcpsi_ini.insi_fport, 264);
AT(socket_fdinfo, psi.soi_proto.pri_tcp.tcpsi_ini.insi_lport, 268);
AT(socket_fdinfo, psi.soi_proto.pri_tcp.tcpsi_ini.insi_vflag, 288);
AT(socket_fdinfo, psi.soi_proto.pri_tcp.tcpsi_ini.insi_faddr, 296);
AT(socket_fdinfo, psi.soi_proto.pri_tcp.tcpsi_ini.insi_laddr, 312);
AT(in4in6_addr, i46a_addr4, 12);
_Static_assert(SOCKINFO_TCP == 2, "a TCP socket");
_Static_assert(INI_IPV4 == 1 && INI_IPV6 == 2, "address families");

/* pcblist.rs: the table's records are private, their values are not. */
#include <sys/socket.h>
#include <netinet/in.h>
_Static_assert(SOCK_STREAM == 1 && IPPROTO_TCP == 6 && AF_INET == 2 && AF_INET6 == 30, "values");
