"""The mailbox keeps each message whole, on this machine only."""

import mailbox
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from provisioning.local.ports import answers, free_port
from provisioning.local.processes import Child


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[Child, int, Path]]:
    port, folder = free_port(), tmp_path / "mail"
    command = [sys.executable, "-m", "provisioning", "mailbox", "--folder", str(folder), "--port", str(port)]
    child = Child(command, log=tmp_path / "log")
    child.start()
    give_up = time.monotonic() + 10
    while not answers(port):
        assert time.monotonic() < give_up, child.last_words()
        time.sleep(0.02)
    yield child, port, folder
    child.kill()


def receipt(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", f"Receipt {number}"
    message.set_content(f"You paid ${number}.00 — thank you")
    return message


def test_each_message_is_kept_with_its_envelope(box: tuple[Child, int, Path]) -> None:
    _, port, folder = box
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(3):
            client.send_message(
                receipt(number), from_addr="bounce@example.com", to_addrs=["x@example.com", "y@example.com"]
            )
    kept = sorted(mailbox.Maildir(folder), key=lambda message: str(message["Subject"]))
    assert [message["Subject"] for message in kept] == ["Receipt 0", "Receipt 1", "Receipt 2"]
    assert {message["X-Envelope-To"] for message in kept} == {"x@example.com, y@example.com"}
    assert "You paid $2.00 — thank you" in kept[2].get_payload(decode=True).decode()


def test_it_stops_cleanly(box: tuple[Child, int, Path]) -> None:
    child, _, _ = box
    assert child.stop()
    assert child.exit_code == 0


def test_a_taken_port_is_one_line(box: tuple[Child, int, Path], tmp_path: Path) -> None:
    _, port, _ = box
    command = [sys.executable, "-m", "provisioning", "mailbox", "--folder", str(tmp_path / "m"), "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"easypark: port {port} is taken by another program: choose another for the mailbox\n"
