"""A mail server for demos: accepts every message on 127.0.0.1 and keeps it as a file in a Maildir. Sends nothing on."""

import asyncio
import mailbox
import signal
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from provisioning.local.errors import SetupError
from provisioning.local.ports import HOST

_MESSAGE_BYTES_MAX = 10 * 1024 * 1024


class Keeper:
    """Writes each message to the Maildir before it is acknowledged; a reader of ``new/`` never sees half a message."""

    def __init__(self, folder: Path) -> None:
        self._maildir = mailbox.Maildir(folder, create=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message, with the addresses of its envelope as headers. The name is aiosmtpd's."""
        message = mailbox.MaildirMessage(envelope.original_content)
        message["X-Envelope-From"] = envelope.mail_from or ""
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        try:
            self._maildir.add(message)
        except OSError as error:
            print(f"cannot keep a message in {self._maildir}: {error}", file=sys.stderr)
            return "451 4.3.0 cannot be kept now, try again"
        return "250 2.0.0 kept"


def run(folder: Path, port: int) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Raises SetupError when it cannot start."""
    try:
        keeper = Keeper(folder)
    except OSError as error:
        raise SetupError(f"cannot keep mail in {folder} ({error.strerror}): name a folder you may write in") from error
    asyncio.run(_serve(keeper, port))
    return 0


async def _serve(keeper: Keeper, port: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        server = await loop.create_server(
            lambda: SMTP(keeper, hostname="localhost", data_size_limit=_MESSAGE_BYTES_MAX, enable_SMTPUTF8=True),
            host=HOST,
            port=port,
        )
    except OSError as error:
        raise SetupError(f"port {port} is taken by another program: choose another for the mailbox") from error
    async with server:
        await ended.wait()
