"""The mails of the demo are read from the Maildir as they are; nothing else can be read by a mail's name."""

import mailbox
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from provisioning.demo.page.mail import SHOWN, Mailbox
from shared.clock import to_utc
from tests.builders import NINE_MS


def deliver(folder: Path, subject: str) -> str:
    message = EmailMessage()
    message["Subject"], message["To"] = subject, "ann@example.com"
    message["Date"] = format_datetime(to_utc(NINE_MS))
    message.set_content("in plain text")
    message.add_alternative(f"<p>{subject}</p>", subtype="html")
    return mailbox.Maildir(folder, create=True).add(message)


def test_before_the_first_mail_there_is_none(tmp_path: Path) -> None:
    assert Mailbox(tmp_path / "nothing").newest() == ()


def test_the_newest_come_first_and_older_ones_are_left_out(tmp_path: Path) -> None:
    for number in range(SHOWN + 2):
        deliver(tmp_path / "box", f"Receipt {number}")
    found = Mailbox(tmp_path / "box").newest()
    assert len(found) == SHOWN
    assert (found[0].subject, found[0].recipient, found[0].at_ms) == (
        f"Receipt {SHOWN + 1}",
        "ann@example.com",
        NINE_MS,
    )


def test_a_mail_is_shown_as_its_html(tmp_path: Path) -> None:
    deliver(tmp_path / "box", "Receipt")
    box = Mailbox(tmp_path / "box")
    found = box.letter(box.newest()[0].key)
    assert found is not None
    assert found[1].strip() == "<p>Receipt</p>"


def test_no_name_reaches_a_file_that_is_no_mail(tmp_path: Path) -> None:
    deliver(tmp_path / "box", "Receipt")
    (tmp_path / "box" / "secret").write_text("secret")
    box = Mailbox(tmp_path / "box")
    for name in ("../secret", "..%2Fsecret", "", ".", "..", "nobody", "x" * 300):
        assert box.letter(name) is None
