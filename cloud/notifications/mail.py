"""E-mail: a message from templates, and SMTP to whatever mail server the settings name."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from shared.clock import to_utc

TIMEOUT_REAL_S = 10.0
PORT_OF = {"smtp": 25, "smtps": 465}

_templates = Environment(
    loader=PackageLoader("cloud.notifications"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=False,
    keep_trailing_newline=True,
)


class MailRefused(Exception):  # noqa: N818 - says what is so
    """The mail server will not take this message, now or later (5xx)."""


class MailUnavailable(Exception):  # noqa: N818 - says what is so
    """The mail server cannot be reached or says "later" (4xx). Trying again may help."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets a message and what names it: a repeat of ``message_id`` is the same message to a mail reader."""

    sender: str
    recipient: str
    subject: str
    message_id: str
    at_ms: int


def compose(envelope: Envelope, template: str, content: object) -> EmailMessage:
    """A message in plain text and HTML from the two templates of that name, which see ``content`` as ``m``."""
    message = EmailMessage()
    message["From"] = envelope.sender
    message["To"] = envelope.recipient
    message["Subject"] = envelope.subject
    message["Date"] = format_datetime(to_utc(envelope.at_ms))
    message["Message-ID"] = f"<{envelope.message_id}@{envelope.sender.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_templates.get_template(f"{template}.txt").render(m=content))
    message.add_alternative(_templates.get_template(f"{template}.html").render(m=content), subtype="html")
    return message


class Mailer:
    """One mail server, ``smtp://[user:password@]host[:port]`` or ``smtps://``. A password is sent over TLS only."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORT_OF or not parts.hostname:
            raise ValueError("a mail server's address is smtp://host:port or smtps://host:port")
        self._implicit_tls = parts.scheme == "smtps"
        self._host = parts.hostname
        self._port = parts.port or PORT_OF[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")

    async def send(self, message: EmailMessage) -> None:
        """Hand a message to the server. Raises MailRefused or MailUnavailable."""
        await asyncio.to_thread(self._send, message)

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            raise _failure(code, reply) from error
        except smtplib.SMTPResponseException as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnavailable(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_REAL_S, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_REAL_S)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif self._user:
                server.close()
                raise MailUnavailable("the mail server offers no TLS, and a password is not sent without it")
        if self._user:
            server.login(self._user, self._password)
        return server


def _failure(code: int, reply: bytes | str) -> MailRefused | MailUnavailable:
    text = f"{code} {reply.decode(errors='replace') if isinstance(reply, bytes) else reply}"
    return MailRefused(text) if code >= 500 else MailUnavailable(text)
