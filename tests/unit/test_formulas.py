r"""Formulas are told from prices, `\(` becomes `$`, code stays as it is, in pieces of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.formulas import Formulas, for_page

CASES = [
    ("It costs $5 and $10.", r"It costs \$5 and \$10."),
    ("**$5** and **$10**", r"**\$5** and **\$10**"),
    ("from $5-$10, or $3.50", r"from \$5-\$10, or \$3.50"),
    ("$20k or $5M more", r"\$20k or \$5M more"),
    ("between $5 and $x$", r"between \$5 and $x$"),
    ("$HOME and $PATH", r"\$HOME and \$PATH"),
    ("50 $ or $ 60", r"50 \$ or \$ 60"),
    ("The end: $", r"The end: \$"),
    (r"already \$5", r"already \$5"),
    ("$x^2$ and $5$ and $2x + 1$ and $3 + 4$", "$x^2$ and $5$ and $2x + 1$ and $3 + 4$"),
    (r"$10^{-3}$, $3\pi$", r"$10^{-3}$, $3\pi$"),
    (r"so \( a + b \) is", "so $a + b$ is"),
    ("\\[\n  x = 1\n\\]\nthen", "$$\nx = 1\n$$\n\nthen"),
    ("1. first:\n   \\[ x \\]\n2. second", "1. first:\n   $$\n   x\n   $$\n   \n2. second"),
    (r"see \[ x \].", "see \n\n$$\nx\n$$\n."),
    ("$$x = 1$$\nthen $$y$$ too", "$$\nx = 1\n$$\n\nthen $$y$$ too"),
    ("$$\nx $ y\n$$", "$$\nx $ y\n$$"),
    ("`$5` and `$10` and ``a ` $b``", "`$5` and `$10` and ``a ` $b``"),
    ("```sh\necho $HOME $PATH \\(x\\)\n```\n$5 now", "```sh\necho $HOME $PATH \\(x\\)\n```\n\\$5 now"),
    ("~~~\n$a $b\n~~~\n", "~~~\n$a $b\n~~~\n"),
    ("a lone ` tick\n\nthen $5 and $6", "a lone ` tick\n\nthen \\$5 and \\$6"),
    (r"an open \( bracket", r"an open \( bracket"),
    ("价格是 $5 和 $10。", r"价格是 \$5 和 \$10。"),
    (f"a\n{30 * '> '}b", f"a\n{10 * '> '}&#62; {19 * '> '}b"),
    (f"{9 * '>'}- - $5", rf"{9 * '>'}- &#45; \$5"),
    (f"{30 * '1. '}\n- a", f"{10 * '1. '}&#49;. {19 * '1. '}\n- a"),
    (f"```\n{30 * '> '}\n```", f"```\n{30 * '> '}\n```"),
    (f"{10 * '* '}a", f"{10 * '* '}a"),
]


@pytest.mark.parametrize(("said", "shown"), CASES)
def test_what_the_page_gets(said: str, shown: str) -> None:
    assert for_page(said) == shown


@given(st.sampled_from([said for said, _ in CASES]), st.integers(1, 7))
def test_pieces_make_no_difference(said: str, size: int) -> None:
    formulas = Formulas()
    pieces = [formulas.feed(said[at : at + size]) for at in range(0, len(said), size)]
    assert "".join(pieces) + formulas.end() == for_page(said)


@given(st.text(alphabet="a5 \\$()[]`~\n+") | st.text(alphabet=">- \n", min_size=50), st.integers(1, 5))
def test_any_text_comes_through_in_any_pieces(said: str, size: int) -> None:
    formulas = Formulas()
    shown = "".join(formulas.feed(said[at : at + size]) for at in range(0, len(said), size)) + formulas.end()
    assert shown == for_page(said)


def test_words_are_not_kept_waiting() -> None:
    formulas = Formulas()
    assert formulas.feed("It costs ") == "It costs "
    assert formulas.feed("$5 a") == r"\$5 a"
    assert formulas.feed(" and $x") == " and "
    assert formulas.feed("^2$ ") == "$x^2$ "
