"""What an error line shows of somebody's input."""

import pytest

from wis.errors import GraphFileError, echo, without_secrets

ADDRESSES = {
    "sftp://me:hunter22@host/edges": "sftp://me:***@host/edges",
    "github://user:gh_t0k3n@octo/graphs": "github://user:***@octo/graphs",
    "sftp:/me:hunter22@host/edges": "sftp:/me:***@host/edges",
    "https://:gh_t0k3n@host/g.csv": "https://:***@host/g.csv",
    "ftp://u:u@host/u.csv": "ftp://u:***@host/u.csv",
    "ftp://u:p@ss:w@host/g.csv": "ftp://u:***@host/g.csv",
    "https://host/g.csv?sig=abc%2Fdef&v=1": "https://host/g.csv?sig=***&v=1",
    "https://host/g.csv?v=1&X-Amz-Signature=abcdef": "https://host/g.csv?v=1&X-Amz-Signature=***",
    "https://host/g.csv?access_token=abcdef": "https://host/g.csv?access_token=***",
}
PLAIN = ["tcp://10.0.0.1:8786", "s3://bucket/a@b:c", "tcp://host:1 is down; ask me@host", "a:b@c"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_secrets_of_addresses_are_not_shown(address):
    shown = ADDRESSES[address]
    assert echo(address) == shown
    assert str(GraphFileError(f"{address}: cannot be reached")) == f"{shown}: cannot be reached"


def test_a_secret_is_hidden_where_a_library_repeats_it():
    address, reason = "github://user:gh_t0k3n@octo", "cannot be reached: /repos/user/gh_t0k3n/git"
    assert "gh_t0k3n" not in without_secrets(f"{address}: {reason}")
    assert without_secrets(reason, address) == "cannot be reached: /repos/user/***/git"


def test_a_secret_is_hidden_before_a_long_address_is_cut():
    assert "x" * 9 not in echo(f"sftp://me:{'x' * 400}@host")


@pytest.mark.parametrize("text", PLAIN)
def test_other_texts_stay(text):
    assert without_secrets(text) == text
