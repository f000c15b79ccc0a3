"""What of sessions is kept for so long only: whose they were, and how much was drawn at each moment.

The stays and charges themselves stay, without their plates: what a facility earned and how full it was is asked for
years later, and money is accounted for by them.
"""

from sqlalchemy import text

from cloud.link.retention import Keeping, Rows

_PLATES = text(
    """
    UPDATE sessions.parking_sessions SET plate = '' WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM sessions.parking_sessions WHERE plate <> '' AND exited_ms < :before_ms LIMIT :limit
    ))
    """
)
_SAMPLES = text(
    """
    DELETE FROM sessions.power_samples WHERE ctid = ANY (ARRAY(
        SELECT s.ctid FROM (SELECT DISTINCT facility_id FROM link.cursors) AS f CROSS JOIN LATERAL (
            SELECT p.ctid FROM sessions.power_samples AS p
            WHERE p.facility_id = f.facility_id AND p.at_ms < :before_ms ORDER BY p.at_ms LIMIT :limit
        ) AS s
        LIMIT :limit
    ))
    """
)

KEPT: tuple[Keeping, ...] = (Rows("plates", _PLATES), Rows("power_samples", _SAMPLES))
