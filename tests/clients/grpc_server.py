"""A gRPC server over TLS on a loopback port: unary echo, a bidirectional stream, an error with trailing metadata.

Arguments: certificate chain, key. Prints its port, then serves until its input closes.
"""

import sys
from concurrent import futures

import grpc


def raw(data):
    return data


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "unary"),))
    return request[::-1]


def bidi(requests, context):
    for number, request in enumerate(requests):
        yield b"%d:%s" % (number, request)
    context.set_trailing_metadata((("x-trailer", "bidi"),))


def fails(request, context):
    context.set_trailing_metadata((("x-trailer", "fails"),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "asked to fail")


def handlers():
    return {
        "Unary": grpc.unary_unary_rpc_method_handler(unary, raw, raw),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi, raw, raw),
        "Fails": grpc.unary_unary_rpc_method_handler(fails, raw, raw),
    }


def main():
    chain, key = (open(path, "rb").read() for path in sys.argv[1:3])
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers()),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


main()
