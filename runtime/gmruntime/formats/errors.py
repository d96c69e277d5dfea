"""What is wrong with a file, and where."""


class FormatError(ValueError):
    """A file is not what it should be.

    Attributes:
        file: its name.
        message: what is wrong.
        line: from 1; 0 when no single line is at fault.
        column: from 1.
        hint: a way out, or "".
    """

    def __init__(
        self, file: str, message: str, line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        """Name the place and what was expected there."""
        self.file, self.line, self.column, self.hint = file, line, column, hint
        self.message = message
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {message}" + (f"\nhint: {hint}" if hint else ""))

    def __reduce__(self) -> tuple[type["FormatError"], tuple[str, str, int, int, str]]:
        """Travel between processes as its parts; the text is made of them again."""
        return FormatError, (self.file, self.message, self.line, self.column, self.hint)
