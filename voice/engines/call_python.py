"""Reads a tool call written as Python: `weather(city="Ulm", days=2)`. Pure; runs nothing."""

import ast
import json


def python_call(text: str) -> tuple[str, str] | None:
    """The name of the function and its arguments as JSON; None when this is no such call."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return None
        arguments = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
        return ast.unparse(call.func), json.dumps(arguments, ensure_ascii=False)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
