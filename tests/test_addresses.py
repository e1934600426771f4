import pytest

from segmint.addresses import shown


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("https://h/{z}?access_token=abc&style=x", "https://h/{z}?access_token=***&style=x"),
        ("https://me:word@h/{z}", "https://***@h/{z}"),
        ("https://h/{z}/{x}/{y}?url=a.tif", "https://h/{z}/{x}/{y}?url=a.tif"),
        (
            "Invalid URL 'h/api?key=abc': no scheme, or https://me:word@h/",
            "Invalid URL 'h/api?key=*** no scheme, or https://***@h/",
        ),
    ],
)
def test_keys_and_passwords_are_never_printed(address, printed):
    assert shown(address) == printed
