"""A stand-in for xAI's gRPC chat, made of the SDK's own messages. Arguments: certificate chain, key. Prints its port."""

import sys
from concurrent import futures

import grpc
from xai_sdk.proto import chat_pb2, chat_pb2_grpc


def used(usage, prompt, completion, reasoning, cached):
    usage.prompt_tokens = prompt
    usage.completion_tokens = completion
    usage.reasoning_tokens = reasoning
    usage.cached_prompt_text_tokens = cached
    usage.total_tokens = prompt + completion + reasoning


class Chat(chat_pb2_grpc.ChatServicer):
    def GetCompletion(self, request, context):
        answer = chat_pb2.GetChatCompletionResponse(id="xai-1", model=request.model)
        output = answer.outputs.add()
        output.message.content = "hi"
        output.message.role = chat_pb2.ROLE_ASSISTANT
        used(answer.usage, 90, 40, 7, 60)
        return answer

    def GetCompletionChunk(self, request, context):
        for number in range(1, 4):
            chunk = chat_pb2.GetChatCompletionChunk(id="xai-2", model=request.model)
            output = chunk.outputs.add()
            output.delta.content = "hi"
            output.delta.role = chat_pb2.ROLE_ASSISTANT
            used(chunk.usage, 50, 4 * number, 0, 0)
            yield chunk


def main():
    chain, key = (open(path, "rb").read() for path in sys.argv[1:3])
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    chat_pb2_grpc.add_ChatServicer_to_server(Chat(), server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


main()
