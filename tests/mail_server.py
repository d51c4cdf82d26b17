"""A mail server for tests: enough SMTP to take a message, or to refuse it at a chosen command."""

from __future__ import annotations

import socketserver
import ssl
import threading
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


class MailServer:
    """Listens on a free port; ``answers`` replaces what it says to a command.

    With a certificate (and its key, in one file) it speaks TLS from the beginning.
    """

    def __init__(self, answers: dict[str, str], certificate: Path | None = None) -> None:
        self.answers = answers
        self.messages: list[EmailMessage] = []
        self.commands: list[str] = []
        self.connections = 0
        outer = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                self._say(outer.answers.get("greeting", "220 ready"))
                while line := self.rfile.readline():
                    command = line.decode().strip()
                    outer.commands.append(command)
                    word = command.split()[0].upper() if command else ""
                    answer = outer.answers.get(command) or outer.answers.get(word)
                    if answer:
                        self._say(answer)
                    elif word == "DATA":
                        self._say("354 go on")
                        self._take()
                        self._say("250 taken")
                    elif word == "QUIT":
                        self._say("221 bye")
                        return
                    else:
                        self._say("250 ok")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

            def _take(self) -> None:
                lines = iter(self.rfile.readline, b".\r\n")
                # A dot at the beginning was doubled on its way.
                raw = b"".join(line[1:] if line.startswith(b".") else line for line in lines)
                outer.messages.append(message_from_bytes(raw, policy=policy.default))

        class Listener(socketserver.ThreadingTCPServer):
            def finish_request(self, request: object, address: object) -> None:
                if certificate is None:
                    super().finish_request(request, address)  # type: ignore[arg-type]
                    return
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                # A client that does not trust the certificate goes away in the middle.
                with suppress(OSError):
                    wrapped = context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
                    super().finish_request(wrapped, address)  # type: ignore[arg-type]
                    wrapped.close()

        self._server = Listener(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
