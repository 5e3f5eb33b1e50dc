"""A mail server on the loopback interface, as much of SMTP (RFC 5321) as clients need."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self


class MailServer:
    """Takes mails while it is entered.

    Attributes:
        received: the mails, in order.
        refusing: whether it refuses senders.
    """

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.refusing = False
        owner = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 ready")
                for line in self.rfile:
                    command = line[:4].upper()
                    if command == b"MAIL" and owner.refusing:
                        self.say("550 no")
                    elif command == b"DATA":
                        self.say("354 go on")
                        owner.received.append(self.read_mail())
                        self.say("250 taken")
                    elif command == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 well")

            def say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

            def read_mail(self) -> EmailMessage:
                lines = [line.removeprefix(b".") for line in iter(self.rfile.readline, b".\r\n")]
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                return mail

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
