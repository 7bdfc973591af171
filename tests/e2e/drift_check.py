"""What the tests of drift ask: what is noted and told, and that the published bytes stay."""

TOLD = "upstream is no longer what was published"
AGAIN = "upstream is again what was published"


def bytes_of(daemon):
    """Everything but records."""
    return {path: data for path, data in daemon.tree().items() if not path.endswith("record.json")}


def drift(daemon, package, version="1.0.0"):
    return [(one["kind"], one["detail"]) for one in daemon.versions(package)[version].get("drift", [])]


def check_seen(daemon, package, kind, detail, version="1.0.0"):
    """By whoever asks."""
    assert drift(daemon, package, version) == [(kind, detail)]
    assert kind in daemon.run("show", package).stdout
    assert detail in daemon.run("show", package, version).stdout
    assert f"{kind}: {detail}" in daemon.run("why", package, version).stdout
    assert daemon.run("why", package, version).returncode == 0
