"""Renders a prompt with a model's own chat template.

Templates are programs that came with a download: they run in Jinja's sandbox. Where a model has
none, ChatML stands in; where a template knows no tools, or refuses a conversation for its roles,
the same is said in plain text.
"""

import hashlib
import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from voice.engines.protocols import EngineError, Message, Prompt, Tool

Chat = list[dict[str, Any]]

CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

TOOLS_TOLD = """You can call functions. Each line describes one:
{tools}
To call one, answer with nothing but
<tool_call>
{{"name": "its name", "arguments": {{...}}}}
</tool_call>"""

_REFUSALS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What a template raises on purpose, and what it runs into."""


class ChatTemplate:
    """A compiled template; raises `EngineError` when it is broken.

    `controls` are the texts of tokens that steer the model; in what people and tools say they are
    taken apart, so that nobody can write a turn in another's name.
    """

    def __init__(
        self, source: str | None, *, bos: str = "", eos: str = "", controls: Collection[str] = ()
    ) -> None:
        source = source or CHATML
        self._bos, self._eos = bos, eos
        try:
            self._template = _environment().from_string(source)
        except TemplateError as error:
            raise EngineError(f"the model's chat template is broken: {error}") from error
        telling = sorted((text for text in controls if text[:1] in "<[" and text[2:]), key=len)
        self._controls = re.compile("|".join(map(re.escape, reversed(telling))) or r"(?!)")
        self._knows_tools = "tools" in source
        self.call_marker = _call_marker(source) if self._knows_tools else "<tool_call>\n"
        """What opens a call, up to the JSON of it."""
        self.arguments_key = "parameters" if self.call_marker == "" else "arguments"

    def render(self, prompt: Prompt) -> str:
        """The prompt as one text, up to where the answer begins; raises `EngineError`."""
        tools = prompt.tools if prompt.tool_choice != "none" else ()
        chat = [self._as_dict(message) for message in prompt.messages]
        plain = _in_plain_text(chat, tools)
        try:
            return self._rendered(chat, tools) if self._knows_tools else self._rendered(plain, ())
        except _REFUSALS:
            pass
        try:
            return self._rendered(_alternating(plain), ())
        except _REFUSALS as error:
            raise EngineError(f"the model's chat template refuses the chat: {error}") from error

    def _rendered(self, chat: Chat, tools: tuple[Tool, ...]) -> str:
        return self._template.render(
            messages=chat,
            tools=[_tool(tool) for tool in tools] or None,
            add_generation_prompt=True,
            # A spoken answer cannot wait for thoughts.
            enable_thinking=False,
            bos_token=self._bos,
            eos_token=self._eos,
        )

    def _as_dict(self, message: Message) -> dict[str, Any]:
        # A space after its first letter makes a control token plain text.
        content = self._controls.sub(lambda m: f"{m[0][0]} {m[0][1:]}", message.content)
        chat: dict[str, Any] = {"role": message.role, "content": content}
        if message.tool_calls:
            chat["tool_calls"] = [
                {
                    "id": _short_id(call.call_id),
                    "type": "function",
                    "function": {"name": call.name, "arguments": _arguments(call.arguments)},
                }
                for call in message.tool_calls
            ]
        if message.tool_call_id is not None:
            chat["tool_call_id"] = _short_id(message.tool_call_id)
        return chat


# ---------------------------------------------------------------- what templates expect


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    return environment


class _GenerationTag(Extension):
    """`{% generation %}` marks what a model is trained on, and renders as what is inside."""

    tags = {"generation"}  # noqa: RUF012 - as the base class has it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: object, indent: int | None = None, **options: Any) -> str:
    """Unlike Jinja's own filter, without escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent, **options)


def _tool(tool: Tool) -> dict[str, Any]:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _call_marker(source: str) -> str:
    if "[TOOL_CALLS]" in source:
        return "[TOOL_CALLS] ["
    if "<|tool_call_start|>" in source:
        return "<|tool_call_start|>["
    if "<|tool_call|>" in source:
        return "<|tool_call|>["
    return "<tool_call>\n" if "<tool_call>" in source else ""


def _arguments(text: str) -> object:
    """Templates write the arguments as JSON themselves."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _short_id(call_id: str) -> str:
    """Mistral's templates insist on nine letters and digits."""
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]


# ---------------------------------------------------------------- the same in plain text


def _in_plain_text(chat: Chat, tools: tuple[Tool, ...]) -> Chat:
    """Tools, calls and results as text of the usual roles."""
    plain = [_plain(message) for message in chat]
    if tools:
        lines = "\n".join(_to_json(_tool(tool)["function"]) for tool in tools)
        told = TOOLS_TOLD.format(tools=lines)
        if plain and plain[0]["role"] == "system":
            plain[0] = plain[0] | {"content": f"{plain[0]['content']}\n\n{told}"}
        else:
            plain.insert(0, {"role": "system", "content": told})
    return plain


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{content}\n</tool_response>"}
    calls = [
        f"<tool_call>\n{_to_json(call['function'])}\n</tool_call>"
        for call in message.get("tool_calls", ())
    ]
    return {"role": message["role"], "content": "\n".join(filter(None, [content, *calls]))}


def _alternating(chat: Chat) -> Chat:
    """The system's words before the user's, and no role twice in a row."""
    turns: Chat = []
    for message in chat:
        role = "assistant" if message["role"] == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1] = {"role": role, "content": f"{turns[-1]['content']}\n\n{message['content']}"}
        else:
            turns.append({"role": role, "content": message["content"]})
    return turns
