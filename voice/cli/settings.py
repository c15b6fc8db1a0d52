"""What every command does with settings that are wrong."""

from typing import Any

import click

from voice.config import Settings, SettingsError, load_settings


def settings_or_exit(**flags: Any) -> Settings:
    """Load the settings, or end the command with what is wrong with them."""
    try:
        return load_settings(**flags)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
