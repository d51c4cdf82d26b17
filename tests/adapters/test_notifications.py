"""Alerts on their way out: real servers on this machine, well and ill."""

from __future__ import annotations

import base64
import json
import logging
import os
import runpy
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters.notifications import Outcome, deliver
from regression_lifecycle.core.alerting.alerts import Alert
from regression_lifecycle.core.alerting.channels import AlertChannel
from tests.mail_server import MailServer

ALERT = Alert(
    "p/rmse/3",
    "warning",
    "p: rule <!channel> & rmse\r\nBcc: x@y.example",
    "RMSE is high\n.\nWindow é",
    "p",
    "2012-02-27",
    pd.Timestamp("2012-03-05"),
    {"value": 0.31},
)
QUICK = {"timeout_seconds": 5, "backoff_seconds": 0}
SECRET = "geheim-3141"


class Server(ThreadingHTTPServer):
    """Answers with the given status codes, one after the other, and keeps what it was asked."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.release = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0)
        if answer == 0:  # no answer
            self.server.release.wait(30)
            return
        self.send_response(answer)
        if answer == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(*answers: int) -> Server:
        made = Server(list(answers))
        running.append(made)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        return made

    yield start
    for made in running:
        made.release.set()
        made.shutdown()
        made.server_close()


@pytest.fixture
def mail() -> Iterator[Callable[..., MailServer]]:
    running: list[MailServer] = []

    def start(certificate: Path | None = None, **answers: str) -> MailServer:
        running.append(MailServer(answers, certificate))
        return running[-1]

    yield start
    for made in running:
        made.close()


def send(channel: dict[str, Any], root: Path = Path(), **environment: str) -> Outcome:
    return deliver(AlertChannel.model_validate(channel), ALERT, root, environment)


def webhook(server: Server, **values: Any) -> Outcome:
    return send({"kind": "webhook", "url": server.url, **QUICK, **values}, TOKEN=f"{SECRET}\n")


def email(server: MailServer, **values: Any) -> Outcome:
    channel = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": server.port,
        "sender": "from@x.example",
        "recipients": ["a@x.example", "b@x.example"],
        "tls": "none",
        **QUICK,
        **values,
    }
    return send(channel, USER="me", TOKEN=SECRET)


def own_certificate(folder: Path) -> Path:
    """A key and a certificate of localhost that it signs itself."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_webhook_gets_the_alert_with_its_headers(server: Callable[..., Server]) -> None:
    hook = server(200)

    assert webhook(hook, headers_env={"Authorization": "TOKEN"}) == Outcome("sent")

    ((_, headers, body),) = hook.asked
    assert body == ALERT.document()
    assert headers["Authorization"] == SECRET
    assert headers["Content-Type"] == "application/json"


def test_text_of_the_data_can_neither_call_nor_link_in_slack(server: Callable[..., Server]) -> None:
    hook = server(200)

    webhook(hook, template="slack")

    text = hook.asked[0][2]["text"]
    assert "&lt;!channel&gt; &amp; rmse" in text
    assert "<" not in text


def test_a_passing_failure_is_tried_again_under_the_same_identity(
    server: Callable[..., Server],
) -> None:
    hook = server(500, 429, 200)

    assert webhook(hook).status == "sent"

    assert len(hook.asked) == 3
    assert len({headers["Idempotency-Key"] for _, headers, _ in hook.asked}) == 1


def test_retries_end(server: Callable[..., Server]) -> None:
    hook = server(500, 500, 500, 200)

    outcome = webhook(hook, retries=2)

    assert outcome.status == "failed"
    assert outcome.error == "the server answered 500 Internal Server Error"
    assert len(hook.asked) == 3


def test_what_will_not_pass_is_not_tried_again(server: Callable[..., Server]) -> None:
    hook = server(404)

    assert webhook(hook) == Outcome("failed", "the server answered 404 Not Found")
    assert len(hook.asked) == 1


def test_secrets_are_not_taken_to_where_a_redirect_points(server: Callable[..., Server]) -> None:
    hook = server(302, 200)

    outcome = webhook(hook, headers_env={"X-Api-Key": "TOKEN"})

    assert "points elsewhere" in outcome.error
    assert len(hook.asked) == 1


def test_a_server_that_does_not_answer_is_left(server: Callable[..., Server]) -> None:
    hook = server(0)

    outcome = webhook(hook, timeout_seconds=0.2, retries=0)

    assert outcome == Outcome("failed", "no answer within 0.2 s", unreachable=True)


def test_a_server_that_is_down_is_a_failure_in_words() -> None:
    url = f"http://127.0.0.1:{free_port()}/{SECRET}"

    outcome = send({"kind": "webhook", "url": url, **QUICK})

    assert outcome == Outcome("failed", "no connection: Connection refused", unreachable=True)


@pytest.mark.parametrize("value", ["ftp://h.example", "no url", "http://h:99999/", "http://[x/"])
def test_a_wrong_address_in_a_variable_is_told_without_it(value: str) -> None:
    outcome = send({"kind": "webhook", "url_env": "HOOK", **QUICK}, HOOK=f"{value} {SECRET}")

    assert outcome.error.startswith("HOOK: the url ")
    assert SECRET not in outcome.error


@pytest.mark.parametrize(
    ("channel", "variable"),
    [
        ({"kind": "webhook", "url_env": "HOOK"}, "HOOK"),
        ({"kind": "webhook", "url": "http://127.0.0.1:1", "headers_env": {"X": "KEY"}}, "KEY"),
        (
            {
                "kind": "email",
                "host": "127.0.0.1",
                "sender": "a@b",
                "recipients": ["a@b"],
                "user_env": "U",
                "password_env": "P",
            },
            "U",
        ),
    ],
)
def test_a_variable_that_is_not_set_is_named(channel: dict[str, Any], variable: str) -> None:
    assert send(channel).error == f"the environment variable {variable} is not set"


def test_a_secret_with_a_line_break_inside_is_not_sent(server: Callable[..., Server]) -> None:
    hook = server(200)

    outcome = send(
        {"kind": "webhook", "url": hook.url, "headers_env": {"X": "KEY"}}, KEY=f"a\r\nY: {SECRET}"
    )

    assert outcome.error == "the environment variable KEY has letters that cannot be sent"
    assert hook.asked == []


def test_no_log_holds_a_secret(
    server: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    outcomes = [webhook(server(404), headers_env={"X": "TOKEN"}), webhook(server(500), retries=0)]

    assert SECRET not in caplog.text + repr(outcomes)


def test_an_email_reaches_every_recipient_and_its_title_stays_one_header(
    mail: Callable[..., MailServer],
) -> None:
    server = mail()

    assert email(server) == Outcome("sent")

    (message,) = server.messages
    assert str(message["Subject"]) == "[warning] p: rule <!channel> & rmse Bcc: x@y.example"
    assert message["Bcc"] is None
    assert message.get_content().splitlines() == ["RMSE is high", ".", "Window é"]
    recipients = [command for command in server.commands if command.startswith("rcpt")]
    assert [part.split("<")[1] for part in recipients] == ["a@x.example>", "b@x.example>"]


def test_one_recipient_that_is_refused_is_told_and_the_others_are_not_asked_twice(
    mail: Callable[..., MailServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = mail(**{"rcpt TO:<a@x.example>": "550 unknown"})

    assert email(server) == Outcome("sent")

    assert len(server.messages) == 1
    assert "refused for 1 of 2 recipients" in caplog.text


def test_a_login_is_made_inside_of_tls(
    mail: Callable[..., MailServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = own_certificate(tmp_path)
    answers = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}
    server = mail(certificate, **answers)
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))

    login = {"tls": "ssl", "host": "localhost", "user_env": "USER", "password_env": "TOKEN"}
    assert email(server, **login) == Outcome("sent")

    (auth,) = (command for command in server.commands if command.startswith("AUTH"))
    assert base64.b64decode(auth.split()[-1]) == f"\0me\0{SECRET}".encode()


def test_a_login_that_is_refused_is_told_without_it(
    mail: Callable[..., MailServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = own_certificate(tmp_path)
    answers = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": f"535 not me {SECRET}"}
    server = mail(certificate, **answers)
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))

    login = {"tls": "ssl", "host": "localhost", "user_env": "USER", "password_env": "TOKEN"}
    assert email(server, **login) == Outcome("failed", "the mail server refused the login (535)")


def test_a_server_whose_certificate_nobody_knows_gets_no_password(
    mail: Callable[..., MailServer], tmp_path: Path
) -> None:
    server = mail(own_certificate(tmp_path))

    login = {"tls": "ssl", "host": "localhost", "user_env": "USER", "password_env": "TOKEN"}
    outcome = email(server, **login, retries=0)

    assert outcome.error.startswith("no connection")
    assert server.commands == []


@pytest.mark.parametrize(
    ("answers", "words", "connections"),
    [
        ({"MAIL": "451 later"}, "the mail server answered 451", 3),
        ({"DATA": "554 no"}, "the mail server answered 554", 1),
        ({"RCPT": "550 unknown"}, "the mail server refused every recipient", 1),
        ({"greeting": "421 busy"}, "the mail server answered 421", 3),
    ],
)
def test_a_mail_server_that_refuses_is_a_failure_in_words(
    mail: Callable[..., MailServer], answers: dict[str, str], words: str, connections: int
) -> None:
    server = mail(**answers)

    outcome = email(server, recipients=["a@x.example"])

    assert (outcome.status, outcome.error) == ("failed", words)
    assert server.connections == connections


def test_without_encryption_no_password_is_sent(mail: Callable[..., MailServer]) -> None:
    server = mail()

    outcome = email(server, tls="starttls", user_env="USER", password_env="TOKEN")

    assert "does not offer what is asked for" in outcome.error
    assert not any("AUTH" in command or "MAIL" in command for command in server.commands)


def test_a_mail_server_that_is_down_or_no_mail_server_is_a_failure(
    server: Callable[..., Server],
) -> None:
    assert send(
        {
            "kind": "email",
            "host": "127.0.0.1",
            "port": free_port(),
            "sender": "a@b",
            "recipients": ["a@b"],
            **QUICK,
        }
    ).error.startswith("no connection")


def test_a_file_grows_by_a_line_and_a_broken_line_swallows_nothing(tmp_path: Path) -> None:
    channel = {"kind": "file", "path": "new/alerts.jsonl"}
    file = tmp_path / "new" / "alerts.jsonl"

    assert send(channel, tmp_path) == send(channel, tmp_path) == Outcome("sent")
    with file.open("a") as stream:
        stream.write('{"cut off')
    send(channel, tmp_path)

    lines = file.read_text().splitlines()
    assert [json.loads(lines[i]) for i in (0, 1, 3)] == [ALERT.document()] * 3


def test_threads_that_write_at_once_leave_whole_lines(tmp_path: Path) -> None:
    channel = {"kind": "file", "path": "alerts.jsonl"}
    threads = [
        threading.Thread(target=lambda: [send(channel, tmp_path) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines if line]) == 80


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_channel_that_nothing_sends_to_is_found_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "regression_lifecycle.adapters.notifications"
    runpy.run_module(name, run_name=name)
    monkeypatch.setitem(AlertChannel.kinds, "pigeon", AlertChannel)

    with pytest.raises(TypeError, match=r"nothing sends to these channels: pigeon"):
        runpy.run_module(name, run_name=name)


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    outcome = send({"kind": "file", "path": os.fspath(tmp_path)}, tmp_path)

    assert outcome == Outcome("failed", "the file cannot be written: Is a directory")
