from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polystance.models.sentences import split_sentences

CASES = {
    "U.S. goes on": (["The U.S. Senate met."], ""),
    "U.S. ends": (["They left the U.S.", "The next day it rained."], " "),
    "titles": (["Mr. Li saw Dr. A. B. Wang in St. Ives.", "Gen. Roe did not."], " "),
    "decimals": (["Prices rose 3.5 percent to $1.20.", "No. 7 stayed."], " "),
    "English quotes": (["“We will wait.”", "She sat down."], " "),
    "quoted question": (["“Why now?” she asked.", "Nobody knew."], " "),
    "straight quotes": (['He said "stop."', "'Go,' said Ann."], " "),
    "brackets": (["(It was late.)", "Rain fell."], " "),
    "question and shout": (["Really?!", "Yes!", "So it is."], " "),
    "dots go on": (["He waited... and left."], ""),
    "dots end": (["He waited...", "Then he left."], " "),
    "one-sign dots go on": (["He waited… and left."], ""),
    "one-sign dots end": (["He waited…", "Then he left."], " "),
    "address": (["See https://a.example/b?c=1&d=2 and https://a.example/?Q=3 first."], ""),
    "name with a mark": (["The firm Yahoo! was sold."], ""),
    "Chinese": (["甲方来了。", "乙方没有来！", "为什么？", "无人知道；", "散会。"], ""),
    "Chinese closing quote": (["他说：“不行。”", "然后坐下。"], ""),
    "Chinese brackets": (["（完）", "下一篇。"], "\n"),
    "Chinese ellipsis": (["船走了……", "岸上没有人。"], ""),
    "Chinese with ASCII marks": (["行吗?", "“当然!”", "（走吧。）"], ""),
    "Chinese then Latin": (["太好了！", "NBA赛季开始。", "5月再见。"], ""),
    "Chinese decimals": (["增长3.5%,达1.2万。", "第1.5条不变。"], ""),
    "headline": (["Ferry sinks off the cape", "No one was hurt."], "\n\n"),
    "headline without marks": (["渡轮沉没", "无人受伤"], "\n"),
    "both scripts": (["He said so.", "他走了。", "She left."], " "),
    "no blank no boundary": (["v2.0.Beta runs on node.js now"], ""),
}


@pytest.mark.parametrize("name", CASES)
def test_boundaries(name: str) -> None:
    sentences, glue = CASES[name]
    text = f"  {glue.join(sentences)}\n"
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u3000"])
def test_blank_text_has_no_sentence(text: str) -> None:
    assert split_sentences(text) == []


PIECES = st.sampled_from(
    [*"aZ 9.?!。！？…”\"'）\n\u3000\u2028", "U.S. ", "Mr. ", "。”", "...", "\ud800", "\x00", "😀"]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join)))
def test_spans_are_ordered_disjoint_and_cover_what_is_not_blank(text: str) -> None:
    spans = split_sentences(text)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    covered = {i for start, end in spans for i in range(start, end)}
    assert {i for i, c in enumerate(text) if not c.isspace()} <= covered
    assert not any(text[start].isspace() or text[end - 1].isspace() for start, end in spans)
