"""The documentation shows every setting with its variable and default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from reelgate.cli.config import READ_FROM_ELSEWHERE, load_settings
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.registry import PROVIDERS
from reelgate.settings import Settings
from scripts.settings_docs import example, page, settings

from .checkout import read

AN_EXAMPLE = ("REELGATE_DATA_DIR=", "IMAGINE_ORG_ID=", "IMAGINE_PARENT_ID=")
"""What is no default, as the line above it says, or depends on the machine."""


def test_the_page_lists_every_setting_as_it_is() -> None:
    """`make docs` writes it anew."""
    text = read("docs", "configuration.md")
    assert text == page(text)


def test_the_example_file_shows_every_setting_as_it_is() -> None:
    """`make docs` writes it anew."""
    assert read(".env.example") == example()


def test_no_field_is_left_out_of_either() -> None:
    """Asked of the class itself, not of what wrote the files."""
    kinds: list[type[BaseSettings]] = [Settings]
    kinds += [known.settings for known in PROVIDERS.values()]
    fields = [(kind, *each) for kind in kinds for each in kind.model_fields.items()]
    for kind, name, field in fields:
        alias = field.validation_alias
        if name in READ_FROM_ELSEWHERE or name in ProviderSettings.model_fields:
            continue
        variable = alias.choices[0] if isinstance(alias, AliasChoices) else alias
        variable = variable or f"{kind.model_config['env_prefix']}{name.upper()}"
        assert f"| `{variable}`" in read("docs", "configuration.md")
        assert re.search(rf"^#?{variable}=", read(".env.example"), re.MULTILINE), variable


def test_every_setting_says_what_it_does() -> None:
    assert [setting.variables for setting in settings() if not setting.description] == []


def test_the_example_file_is_one_that_the_settings_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath(".env").write_text(read(".env.example"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    read_back = load_settings()
    # With another's ids videos would be paid for and put where one cannot see them.
    account = read_back.providers["imagine"]
    assert isinstance(account, ImagineSettings)
    assert account.org_id == account.parent_id == account.token.get_secret_value() == ""


def test_the_lines_commented_out_show_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking away every `#` changes nothing, but where a default depends on the machine."""
    lines = re.findall(r"^#((?:REELGATE|IMAGINE)_.+=.*)$", read(".env.example"), re.MULTILINE)
    same = "\n".join(line for line in lines if not line.startswith(AN_EXAMPLE))
    monkeypatch.chdir(tmp_path)
    # Accounts are read where one is named, and all of them where it has no credentials.
    monkeypatch.setenv("IMAGINE_TOKEN", "")
    defaults = load_settings()
    tmp_path.joinpath(".env").write_text(same, encoding="utf-8")
    assert load_settings() == defaults
