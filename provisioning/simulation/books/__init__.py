"""The books of the auditor. A new one is a file here and a name in ``BOOKS``."""

from provisioning.simulation.books.arm_book import ArmBook
from provisioning.simulation.books.box_book import BoxBook
from provisioning.simulation.books.card_book import CardBook
from provisioning.simulation.books.command_book import CommandBook
from provisioning.simulation.books.copy_book import CopyBook
from provisioning.simulation.books.decision_book import DecisionBook
from provisioning.simulation.books.draw_book import DrawBook
from provisioning.simulation.books.grid_book import GridBook
from provisioning.simulation.books.money_book import MoneyBook
from provisioning.simulation.books.promise_book import PromiseBook
from provisioning.simulation.books.reservation_book import ReservationBook
from provisioning.simulation.books.right_book import RightBook

BOOKS = (
    CopyBook,
    BoxBook,
    MoneyBook,
    PromiseBook,
    DrawBook,
    GridBook,
    ArmBook,
    CardBook,
    ReservationBook,
    RightBook,
    DecisionBook,
    CommandBook,
)
