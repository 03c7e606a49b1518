"""Calls the gRPC server as `api.x.ai:443` through the proxy of the environment; prints what it saw."""

import json

import grpc


def raw(data):
    return data


def trailers(call):
    return dict(call.trailing_metadata()).get("x-trailer")


channel = grpc.secure_channel("api.x.ai:443", grpc.ssl_channel_credentials())
unary = channel.unary_unary("/test.Echo/Unary", raw, raw)
answer, call = unary.with_call(b"x" * 299_999 + b"y", timeout=20)
print(json.dumps({"name": "unary", "ok": answer == b"y" + b"x" * 299_999, "trailer": trailers(call)}))

bidi = channel.stream_stream("/test.Echo/Bidi", raw, raw)
call = bidi((b"m%d" % number for number in range(200)), timeout=20)
answers = list(call)
print(json.dumps({"name": "bidi", "count": len(answers), "last": answers[-1].decode(), "trailer": trailers(call)}))

try:
    channel.unary_unary("/test.Echo/Fails", raw, raw)(b"", timeout=20)
except grpc.RpcError as error:
    print(json.dumps({"name": "fails", "code": error.code().name, "text": error.details(), "trailer": trailers(error)}))
