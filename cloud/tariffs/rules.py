"""When a version of a tariff may be published. Pure."""

from shared.tariffs import Tariff


def refusal(tariff: Tariff, *, known: Tariff | None, latest_version: int) -> str | None:
    """Why ``tariff`` may not be published, or None. ``known`` is what stands under the same id and version: publishing
    exactly that again is fine, for a client that got no answer. Versions only go up, so that the highest is the one
    that was meant last."""
    name = f"{tariff.tariff_id}/{tariff.version}"
    if known is not None and known != tariff:
        return f"{name} is published already and is never changed: publish version {latest_version + 1}"
    if known is None and tariff.version <= latest_version:
        return f"{name} is older than the published version {latest_version}: publish version {latest_version + 1}"
    return None
