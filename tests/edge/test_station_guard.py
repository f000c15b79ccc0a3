"""How much one peer and one station may ask of the door: plain counts over instants."""

from edge.station_guard import (
    FRAMES,
    GUESS_DELAY_MAX_REAL_S,
    GUESS_FORGOTTEN_REAL_S,
    GUESSES_FREE,
    OFFENCE_POINTS,
    OFFENCES_WITHIN_REAL_S,
    PENDING_ALL_MAX,
    PENDING_FEW,
    PENDING_MAX,
    RECONNECT_DELAY_REAL_S,
    RECONNECTS,
    Bucket,
    Guard,
    Pace,
)


def test_a_bucket_gives_what_it_holds_at_once_and_then_as_fast_as_it_fills() -> None:
    bucket = Bucket(size=2, rate_a_real_s=4)
    assert [bucket.take(1, 10.0) for _ in range(4)] == [0.0, 0.0, 0.25, 0.5]
    assert bucket.take(1, 11.0) == 0.0


def test_hundreds_of_queued_messages_are_read_without_a_pause() -> None:
    pace = Pace()
    assert {pace.read(2_000, 5.0) for _ in range(FRAMES // 2)} == {0.0}


def test_a_flood_is_slowed_more_the_longer_it_lasts() -> None:
    pace = Pace()
    waits = [pace.read(100, 5.0) for _ in range(FRAMES + 100)]
    assert waits[-1] > waits[-2] > 0.0


def test_long_frames_and_wrong_ones_count_for_many() -> None:
    long, wrong = Pace(), Pace()
    assert any(long.read(1_000_000, 5.0) for _ in range(20))
    assert any(wrong.wrong(5.0) for _ in range(FRAMES // 10))


def test_many_addresses_together_have_no_more_than_a_few_each_once_it_is_crowded() -> None:
    guard = Guard()
    crowd = [f"10.0.0.{number % 4}" for number in range(PENDING_ALL_MAX)]
    assert all(guard.knock(address) for address in crowd)
    assert not guard.knock("10.0.0.1")
    assert all(guard.knock("station") for _ in range(PENDING_FEW))
    assert not guard.knock("station")
    for address in (*crowd, "10.0.0.1"):
        guard.settled(address)
    assert guard.knock("10.0.0.1")
    assert all(guard.knock("station") for _ in range(PENDING_FEW))


def test_an_address_may_have_so_many_connections_that_have_not_signed_in() -> None:
    guard = Guard()
    assert all(guard.knock("a") for _ in range(PENDING_MAX))
    assert not guard.knock("a")
    assert guard.knock("b")
    guard.settled("a")
    guard.settled("a")
    assert guard.knock("a")


def test_who_guesses_passwords_waits_longer_each_time_and_the_station_itself_does_not() -> None:
    guard = Guard()
    for _ in range(GUESSES_FREE):
        assert guard.guessing("thief", "dc-1", 1.0) == 0.0
        guard.guessed_wrong("thief", "dc-1", 1.0)
    waits = []
    for _ in range(6):
        waits.append(guard.guessing("thief", "dc-1", 1.0))
        guard.guessed_wrong("thief", "dc-1", 1.0)
    assert waits == [1.0, 2.0, 4.0, GUESS_DELAY_MAX_REAL_S, GUESS_DELAY_MAX_REAL_S, GUESS_DELAY_MAX_REAL_S]
    assert guard.guessing("site", "dc-1", 1.0) == 0.0
    assert guard.guessing("thief", "dc-1", 2.0 + GUESS_FORGOTTEN_REAL_S) == 0.0


def test_a_station_that_signs_in_all_the_time_is_held_up_for_a_moment() -> None:
    guard = Guard()
    assert [guard.visit("a", "dc-1", 1.0) for _ in range(RECONNECTS)] == [0.0] * RECONNECTS
    assert guard.visit("a", "dc-1", 1.0) == RECONNECT_DELAY_REAL_S
    assert guard.visit("a", "dc-2", 1.0) == 0.0
    assert guard.visit("a", "dc-1", 60.0) == 0.0


def test_a_station_has_offended_enough_when_its_points_within_ten_minutes_say_so() -> None:
    guard = Guard()
    assert not any(guard.offended("dc-1", 1, 1.0) for _ in range(OFFENCE_POINTS - 1))
    assert not guard.offended("dc-2", 1, 1.0)
    assert not guard.offended("dc-1", 1, 2.0 + OFFENCES_WITHIN_REAL_S)
    assert guard.offended("dc-1", OFFENCE_POINTS, 3.0 + OFFENCES_WITHIN_REAL_S)
    assert not guard.offended("dc-1", 1, 4.0 + OFFENCES_WITHIN_REAL_S)
