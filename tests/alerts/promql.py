"""Small changes of a PromQL expression, each of which ought to change what an alert does.

Only as much of the language is understood as the rules use: tokens, brackets, and the three set operators.
"""
import re

TOKEN = re.compile(r'"[^"]*"|\d[\d.]*[smhdw]?|[A-Za-z_:][\w:]*|=~|!~|!=|==|>=|<=|\s+|.', re.DOTALL)
COMPARISONS = {">": [">=", "<"], ">=": [">", "<"], "<": ["<=", ">"], "<=": ["<", ">"], "==": ["!="], "!=": ["=="]}
MATCHES = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
FUNCTIONS = {"max_over_time": "min_over_time", "min_over_time": "max_over_time", "abs": "", "sum": "max"}
SET = ("and", "or", "unless")
OPEN, CLOSE = "([{", ")]}"


def seconds(duration):
    """Of a duration of one unit: 5m is 300."""
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[duration[-1]]


def durations(duration):
    """Half and twice as long, as Prometheus writes it."""
    return [f"{int(seconds(duration) * factor)}s" for factor in (0.5, 2)]


def numbers(text):
    """What a threshold might be by mistake."""
    value = float(text)
    if value == 0:
        return ["1"]
    if value < 1:
        return [f"{value - 0.01:g}", f"{value + 0.01:g}"]
    return [f"{value - 1:g}", f"{value + 1:g}"] if value < 10 else [f"{value * 0.9:g}", f"{value * 1.1:g}"]


class Expression:
    """An expression as tokens; each knows in which brackets it stands."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.depth, self.bracket, self.partner = [], [], {}
        stack = []
        for index, token in enumerate(self.tokens):
            if token in CLOSE:
                self.partner[index] = stack.pop()
                self.partner[self.partner[index]] = index
            self.depth.append(len(stack))
            self.bracket.append(self.tokens[stack[-1]] if stack else "")
            if token in OPEN:
                stack.append(index)

    def mutants(self):
        """Pairs of what was changed and the changed expression."""
        yield from self._values()
        yield from self._matchers()
        yield from self._labels()
        yield from self._sets()

    def _with(self, start, end, replacement=""):
        return "".join(self.tokens[:start]) + replacement + "".join(self.tokens[end:])

    def _values(self):
        for index, token in enumerate(self.tokens):
            others = []
            if self.bracket[index] == "[" and token[0].isdigit():
                others = durations(token)
            elif self.bracket[index] in ("", "("):
                others = COMPARISONS.get(token) or ([FUNCTIONS[token]] if token in FUNCTIONS else [])
                if token[0].isdigit():
                    others = durations(token) if token[-1].isalpha() else numbers(token)  # of an offset
                elif token in "+-":
                    others = ["-" if token == "+" else "+"]
            for other in others:
                yield f"{token} becomes {other or 'nothing'} (token {index})", self._with(index, index + 1, other)

    def _matchers(self):
        for index, token in enumerate(self.tokens):
            if self.bracket[index] != "{" or token not in MATCHES:
                continue
            name, value = self.tokens[index - 1], self.tokens[index + 1]
            yield f"{name}{token}{value} becomes {MATCHES[token]} (token {index})", self._with(index, index + 1, MATCHES[token])
            end = index + 3 if self.tokens[index + 2] == "," else index + 2
            yield f"without {name}{token}{value} (token {index})", self._with(index - 1, end)
            options = value.strip('"').split("|")
            for option in options if len(options) > 1 else []:
                rest = "|".join(other for other in options if other != option)
                yield f"{name}{token}{value} without {option}", self._with(index + 1, index + 2, f'"{rest}"')

    def _labels(self):
        """Each label of an "on (…)" or a "by (…)"."""
        for index, token in enumerate(self.tokens):
            if token not in ("on", "by"):
                continue
            start = self.tokens.index("(", index)
            labels = [label for label in self.tokens[start + 1:self.partner[start]] if re.match(r"\w", label)]
            for label in labels:
                rest = ", ".join(other for other in labels if other != label)
                yield f"{token} without {label} (token {index})", self._with(start + 1, self.partner[start], rest)

    def _sets(self):
        """Each operand of a set operator left out, and "and" exchanged with "unless"."""
        for index, token in enumerate(self.tokens):
            if token not in SET or self.bracket[index] not in ("", "("):
                continue
            if token != "or":
                yield f"{token} becomes its opposite (token {index})", self._with(index, index + 1, "unless" if token == "and" else "and")
            yield f"without what follows {token} (token {index})", self._with(index, self._edge(index, 1, SET if token != "or" else ("or",)))
            if token == "or":
                yield f"without what precedes {token} (token {index})", self._with(self._edge(index, -1, ("or",)), self._operand(index))

    def _edge(self, index, step, operators):
        """Where the operand on one side ends: at the bracket's end, or at the next operator."""
        depth, at = self.depth[index], index + step
        while 0 <= at < len(self.tokens) and self.depth[at] >= depth:
            if self.depth[at] == depth and (self.tokens[at] in operators or self.tokens[at] in CLOSE and self.partner[at] < index):
                break
            at += step
        return at if step > 0 else at + 1

    def _operand(self, index):
        """The first token after an operator and its "on (…)"."""
        rest = "".join(self.tokens[index + 1:])
        modifier = re.match(r"\s*on\s*\([^)]*\)", rest)
        return index + 1 + (len(TOKEN.findall(modifier.group())) if modifier else 0)
