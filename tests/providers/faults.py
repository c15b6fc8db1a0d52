"""What becomes of each way a stand-in for a server can fail: its trouble and its status."""

ENDS = {
    **dict.fromkeys(("hang", "hang_silent", "hang_within"), ("timeout", 504)),
    **dict.fromkeys(
        (
            *("die", "die_silent", "die_within", "page", "empty"),
            *("garbage", "garbage_within", "no_choices", "cut"),
        ),
        ("unavailable", 502),
    ),
}
"""All but those that the server tells itself, whose status is its own."""


def with_told(status: int) -> list[tuple[str, str, int]]:
    """Every fault, with the status of an error that the server told."""
    told = dict.fromkeys(("error", "error_within"), ("unavailable", status))
    return [(fault, *end) for fault, end in (ENDS | told).items()]
