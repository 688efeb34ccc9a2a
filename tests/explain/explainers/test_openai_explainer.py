"""The openai explainer against a real HTTP server that misbehaves in each way a server can."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cyst_evidence import CYST, request

from chat_server import Answer, cutting, event, hanging, refusing, saying, sending, serving
from mirage.errors import MirageError, Unavailable
from mirage.explain.evidence import Draft
from mirage.explain.explainers import ExplanationRequest, Remark, Writing
from mirage.explain.explainers.openai import OpenAIExplainer
from parts import PATIENCE

KEY = "sk-secret-of-the-test"


def asked(*answers: Answer, **options: Any) -> tuple[list[Draft], list[str], list[dict[str, Any]]]:
    """Drafts, remarks, and what the server was asked."""
    with serving(*answers) as server:
        given = {"pause": 0.01, "timeout": PATIENCE, "key": "", **options}
        found = list(OpenAIExplainer(server.url, "tiny", **given).explain(request()))
        drafts = [piece for piece in found if isinstance(piece, Draft)]
        return drafts, [piece.text for piece in found if isinstance(piece, Remark)], server.asked


def failed(*answers: Answer, **options: Any) -> str:
    with pytest.raises(Unavailable) as caught:
        asked(*answers, **options)
    return str(caught.value)


def test_sentences_come_with_their_citations_as_they_are_written() -> None:
    with serving(saying("The cyst has a thin wall that ", "is bright ", "[1].", " It is left", "-sided [1][2].")) as server:
        found = list(OpenAIExplainer(server.url, key="").explain(request()))
    assert [piece for piece in found if isinstance(piece, Draft)] == [
        Draft("The cyst has a thin wall that is bright.", (1,)),
        Draft("It is left-sided.", (1, 2)),
    ]
    assert any(isinstance(piece, Writing) and piece.text == "The cyst has a thin wall that is bright" for piece in found)


def test_the_server_is_told_the_rules_and_gets_the_evidence_as_data() -> None:
    _, _, calls = asked(saying("Fine words [1]."))
    system, user = calls[0]["body"]["messages"]
    assert "Use only the numbered evidence" in system["content"]
    assert "do not follow" in system["content"]
    for item in CYST:
        assert f"[{item.number}] (" in user["content"]
    assert calls[0]["path"] == "/v1/chat/completions"
    assert calls[0]["body"]["stream"] is True
    assert calls[0]["body"]["model"] == "tiny"


def test_the_key_goes_to_the_server_and_into_no_message() -> None:
    _, _, calls = asked(saying("Fine words [1]."), key=KEY)
    assert calls[0]["headers"]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in failed(refusing(401, f'{{"error": {{"message": "bad key {KEY}"}}}}'), key=KEY)


def test_the_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    _, _, calls = asked(saying("Fine words [1]."), key=None)
    assert calls[0]["headers"]["Authorization"] == f"Bearer {KEY}"


def test_a_server_that_is_busy_is_asked_again() -> None:
    drafts, _, calls = asked(refusing(429, Retry_After="0"), refusing(503), saying("At last it answers [1]."))
    assert [draft.text for draft in drafts] == ["At last it answers."]
    assert len(calls) == 3


def test_it_waits_as_long_as_a_busy_server_asks() -> None:
    started = time.monotonic()
    asked(refusing(429, Retry_After="0.4"), saying("At last it answers [1]."))
    assert time.monotonic() - started >= 0.4


def test_a_server_that_fails_each_time_is_given_up() -> None:
    assert "500" in failed(refusing(500))
    assert "OPENAI_API_KEY" in failed(refusing(401))
    assert "explainer_url" in failed(refusing(404))


def test_a_server_that_hangs_before_the_first_word_is_given_up_in_time() -> None:
    assert "did not answer within 0.3 s" in failed(hanging(), timeout=0.3)  # which hangs until it is left


@pytest.fixture
def _clock_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by which a quarter of a minute goes by from one look to the next, however busy the machine is."""
    ticks = itertools.count(0, 15)
    monkeypatch.setattr("mirage.explain.explainers.openai.time", SimpleNamespace(monotonic=lambda: next(ticks)))


@pytest.mark.usefixtures("_clock_that_runs")
def test_a_server_that_keeps_the_line_open_without_a_word_is_given_up_too() -> None:
    assert "wrote nothing for 60 s" in failed(hanging("It began "), timeout=60)


def test_what_was_said_before_the_stream_was_cut_stays_and_the_cut_is_an_error() -> None:
    drafts: list[Draft] = []
    with serving(cutting("One sentence [1]. ", "And half of ano")) as server:
        speaking = OpenAIExplainer(server.url, key="", timeout=PATIENCE).explain(request())
        with pytest.raises(Unavailable, match="broke off"):
            drafts.extend(piece for piece in speaking if isinstance(piece, Draft))
    assert [draft.text for draft in drafts] == ["One sentence."]
    assert len(server.asked) == 1, "a stream that had begun was asked for again"


def test_invalid_utf8_is_shown_as_such_and_remarked() -> None:
    drafts, remarks, _ = asked(sending(b'data: {"choices":[{"delta":{"content":"The cyst \xff\xfe is bright [1]."}}]}\n\n'))
    assert "\ufffd" in drafts[0].text
    assert "could not be read as text" in remarks[0]


def test_a_character_cut_in_two_by_the_network_is_whole_again() -> None:
    whole = event("Der Glomus-Tumor ist größer [1].").replace(b"\\u00f6", "ö".encode())
    place = whole.index("ö".encode()) + 1
    drafts, remarks, _ = asked(sending(whole[:place], whole[place:]))
    assert "\ufffd" not in drafts[0].text
    assert not remarks


def test_lines_that_are_no_json_are_passed_over() -> None:
    drafts, _, _ = asked(
        sending(b": hello\n\ndata: {oops\n\ndata: null\n\ndata: []\n\n", event("It goes on [1]."), b"data: [DONE]\n\n")
    )
    assert [draft.text for draft in drafts] == ["It goes on."]


def test_a_stream_without_done_ends_well() -> None:
    assert [draft.text for draft in asked(saying("It is over [1].", done=False))[0]] == ["It is over."]


def test_an_error_inside_the_stream_is_an_error() -> None:
    assert "out of memory" in failed(sending(event("It began "), b'data: {"error": {"message": "out of memory"}}\n\n'))


def test_a_line_without_end_is_given_up() -> None:
    assert "does not end" in failed(sending(b"data: ", *[b"x" * 100_000] * 12))


def test_an_event_on_two_lines_and_lines_that_end_in_a_return_alone_are_read() -> None:
    two = b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"It is on two lines [1]."}}]}\n\n'
    assert [draft.text for draft in asked(sending(two))[0]] == ["It is on two lines."]
    returns = event("It ends in returns [1].").replace(b"\n", b"\r")
    assert [draft.text for draft in asked(sending(returns, b"data: [DONE]\r\r"))[0]] == ["It ends in returns."]


def test_comments_and_events_without_choices_are_passed_over() -> None:
    used = b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\n'
    drafts, remarks, _ = asked(sending(b": PROCESSING\n\n", event("It is bright [1]."), used, b"data: [DONE]\n\n"))
    assert [draft.text for draft in drafts] == ["It is bright."]
    assert not remarks


def test_content_in_parts_is_joined() -> None:
    parts = [
        {"type": "text", "text": "It is "},
        {"type": "thinking", "thinking": []},
        {"type": "text", "text": "bright [1]."},
    ]
    assert [draft.text for draft in asked(sending(event(parts)))[0]] == ["It is bright."]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "thought",
    [
        ("<think>", "\nOkay, the user wants an explanation [1]. I should cite it.\n", "</think>\n\n"),
        ("Okay, the user wants an explanation. I should cite evidence 1.\n</think>\n\n",),
        ("<think>\n", *(f"Thought number {n} looks at passage [{n}] and wonders. " for n in range(40)), "</th", "ink>\n"),
        ("<|channel|>analysis<|message|>We need to answer.<|end|><|start|>assistant", "<|channel|>final<|message|>"),
    ],
    ids=["marked", "only its end marked", "longer than an answer", "in channels"],
)
def test_what_a_model_thinks_is_no_part_of_its_answer(thought: tuple[str, ...]) -> None:
    drafts, remarks, _ = asked(saying(*thought, "The cyst is bright ", "[1].", "<|im", "_end|>"))
    assert drafts == [Draft("The cyst is bright.", (1,))]
    assert not remarks


def test_a_model_that_speaks_of_itself_is_still_heard() -> None:
    drafts, _, _ = asked(saying("Okay, I will explain the cyst to you. ", "The cyst is bright [1]. "))
    assert [draft.text for draft in drafts] == ["Okay, I will explain the cyst to you.", "The cyst is bright."]


@pytest.mark.parametrize(
    "answer",
    [
        saying("<think>\nOkay, the user wants ", "an explanation of it."),
        sending(b'data: {"choices":[{"delta":{"content":"","reasoning":"thinking"},"finish_reason":"length"}]}\n\n'),
    ],
    ids=["in the text", "apart from it"],
)
def test_a_model_that_only_thinks_is_said_to(answer: Answer) -> None:
    assert "still thinking" in failed(answer)


@pytest.mark.usefixtures("_clock_that_runs")
def test_thinking_apart_from_the_text_is_left_out_and_counts_as_a_sign_of_life() -> None:
    def answer(handler: Any) -> None:
        handler.start()
        for _ in range(8):
            handler.say(b'data: {"choices":[{"delta":{"content":null,"reasoning_content":"Let me think."}}]}\n\n')
        handler.say(event("The cyst is bright [1]."))

    drafts, remarks, _ = asked(answer)
    assert drafts == [Draft("The cyst is bright.", (1,))]
    assert not remarks


@pytest.mark.parametrize(
    ("says", "changed"),
    [
        (
            '{"error": {"message": "Unsupported parameter: \'max_tokens\' is not supported with this model."}}',
            lambda body: "max_tokens" not in body and body["max_completion_tokens"] > 0,
        ),
        (
            '{"error": {"message": "Unsupported value: \'temperature\' does not support 0 with this model."}}',
            lambda body: "temperature" not in body,
        ),
        (
            '{"object": "error", "message": "System role not supported", "type": "BadRequestError", "code": 400}',
            lambda body: [message["role"] for message in body["messages"]] == ["user"],
        ),
    ],
    ids=["max_tokens", "temperature", "system"],
)
def test_what_a_server_refuses_by_name_is_left_out_and_it_is_asked_again(
    says: str, changed: Callable[[dict[str, Any]], bool]
) -> None:
    drafts, _, calls = asked(refusing(400, says), saying("The cyst is bright [1]."), attempts=1)
    assert drafts == [Draft("The cyst is bright.", (1,))]
    assert len(calls) == 2
    assert [call["headers"]["Connection"] for call in calls] == ["close", "close"], "the second might meet a closed line"
    assert changed(calls[1]["body"])
    assert "Use only the numbered evidence" in calls[1]["body"]["messages"][0]["content"]


def test_a_server_that_refuses_whatever_is_left_out_is_given_up() -> None:
    with serving(refusing(400, '{"message": "no max_tokens, no temperature, no system role"}')) as server:
        with pytest.raises(Unavailable, match="answered 400: no max_tokens"):
            list(OpenAIExplainer(server.url, key="").explain(request()))
        assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"object": "error", "message": "maximum context length is 2048", "code": 400}', "maximum context length"),
        ('{"detail": [{"loc": ["body", "model"], "msg": "field required"}]}', "field required"),
        ('{"error": "model not found, try pulling it first"}', "try pulling it first"),
        ('[{"error": {"code": 400, "message": "API key not valid"}}]', "API key not valid"),
    ],
)
def test_the_reason_of_a_refusal_is_told_whatever_shape_it_has(body: str, why: str) -> None:
    assert why in failed(refusing(422, body))
    assert why in failed(sending(f"data: {body}\n\n".encode()))


def test_an_answer_that_is_held_back_is_remarked() -> None:
    _, remarks, _ = asked(sending(event("It is bright [1].", finish_reason="content_filter"), b"data: [DONE]\n\n"))
    assert any("content filter" in text for text in remarks)


def test_a_server_that_does_not_stream_is_understood() -> None:
    body = b'{"choices": [{"message": {"content": "All at once [1]. And more [2]."}, "finish_reason": "stop"}]}'
    drafts, _, _ = asked(sending(body, kind="application/json"))
    assert [(draft.text, draft.cites) for draft in drafts] == [("All at once.", (1,)), ("And more.", (2,))]


def test_something_that_is_no_chat_server_is_said_to_be_none() -> None:
    assert "no chat completion" in failed(sending(b"<html><body>Hello</body></html>", kind="text/html"))


def test_a_redirect_is_not_followed() -> None:
    with serving(saying("Elsewhere [1].")) as other:
        assert "not followed" in failed(refusing(307, Location=f"{other.url}/chat/completions"), key=KEY)
        assert not other.asked, "the key went elsewhere"


def test_a_model_that_says_nothing_says_nothing() -> None:
    assert asked(sending(b"data: [DONE]\n\n"))[0] == []
    assert asked(sending(b""))[0] == []


def test_a_model_that_loops_is_stopped() -> None:
    def forever() -> Iterator[str]:
        yield from ["The cyst is bright [1]. "] * 50

    drafts, remarks, _ = asked(saying(*forever()))
    assert len(drafts) == 1
    assert remarks == ["Stopped: it began to repeat itself."]


def test_an_answer_cut_by_its_length_is_remarked() -> None:
    _, remarks, _ = asked(sending(event("It is bright [1]. And then", finish_reason="length"), b"data: [DONE]\n\n"))
    assert any("Cut short" in text for text in remarks)


@pytest.mark.parametrize("parts", [(), ("It began ",)])
def test_stopping_closes_the_connection_soon(parts: tuple[str, ...]) -> None:
    with serving(hanging(*(parts or ("",)))) as server:
        others = threading.enumerate()
        list(OpenAIExplainer(server.url, key="", timeout=600).explain(request(), server.hangs.is_set))
        left = [thread for thread in threading.enumerate() if thread not in others and "portal" in thread.name]
        assert not left, "the thread of the chat goes on"
        assert server.dropped.wait(PATIENCE), "the connection stayed open"


def test_leaving_the_generator_early_closes_the_connection() -> None:
    with serving(hanging("One sentence [1]. Two ")) as server:
        speaking = OpenAIExplainer(server.url, key="", timeout=600).explain(request())
        assert isinstance(next(piece for piece in speaking if isinstance(piece, Draft)), Draft)
        speaking.close()  # type: ignore[attr-defined]
        assert server.dropped.wait(PATIENCE)


def test_passages_that_do_not_fit_are_dropped_whole_and_told() -> None:
    with serving(saying("It is bright [1].")) as server:
        numbered = tuple(replace(CYST[0], number=number) for number in range(1, 201))
        found = list(OpenAIExplainer(server.url, key="", context=1024).explain(ExplanationRequest("example cyst", numbered)))
    remark = next(piece for piece in found if isinstance(piece, Remark))
    sent = server.asked[0]["body"]["messages"][1]["content"]
    kept = sent.count("(caption of")
    assert 0 < kept < 200
    assert f"{200 - kept} of 200 passages were left out" in remark.text
    assert len(sent) / 3.2 < 1024


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "MIRAGE_EXPLAINER_URL"),
        ("file:///etc/passwd", "http"),
        ("ftp://example.org/v1", "http"),
        ("localhost:8080/v1", "http"),
        ("http://", "http"),
        ("http://user:word@localhost:1/v1", "no name or password"),
        ("http://localhost:99999/v1", "http"),
        ("http://localhost:8080/v1?key=x", "end at its path"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_what_to_do(url: str, says: str) -> None:
    with pytest.raises(MirageError) as caught:
        list(OpenAIExplainer(url, key="").explain(request()))
    assert says in str(caught.value)
    assert "word@" not in str(caught.value)


def test_a_server_that_is_not_there_is_said_not_to_be() -> None:
    with serving(saying("x")) as server:
        url = server.url
    with pytest.raises(Unavailable, match=r"no server answers at 127\.0\.0\.1"):
        list(OpenAIExplainer(url, key="", pause=0.01).explain(request()))
