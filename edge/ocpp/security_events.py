"""The security events of the appendix (OCPP 2.0.1 part 2, appendix 1; the same names in the 1.6 security extension)."""

_NOT_CRITICAL = frozenset(
    (
        "FailedToAuthenticateAtCsms",
        "CsmsFailedToAuthenticate",
        "ReconfigurationOfSecurityParameters",
        "InvalidMessages",
        "AttemptedReplayAttacks",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidChargingStationCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
    )
)


def is_critical(kind: str) -> bool:
    """Whether the appendix calls an event critical. It lists as critical FirmwareUpdated, SettingSystemTime,
    StartupOfTheDevice, ResetOrReboot, SecurityLogWasCleared, MemoryExhaustion, TamperDetectionActivated and the
    maintenance logins; one that it does not list, a maker's own, counts as critical too."""
    return kind not in _NOT_CRITICAL
