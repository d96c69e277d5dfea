"""Why reals cannot be eliminated, with the variables that are to blame."""


class ImproperError(Exception):
    """The whole has no integral: nothing says where a real is.

    Attributes:
        real: its index.
    """

    def __init__(self, real: int) -> None:
        """Name the real."""
        super().__init__(f"nothing says where real {real} is")
        self.real = real


class TooManyBordersError(Exception):
    """A patch of reals has too many joint states around it.

    Attributes:
        border: the finite variables.
        count: their joint states.
    """

    def __init__(self, border: tuple[int, ...], count: int) -> None:
        """Name the border."""
        super().__init__(f"too many states of {len(border)} variables around reals")
        self.border = border
        self.count = count


class TooLargeError(Exception):
    """A patch of reals needs more memory than is allowed.

    Attributes:
        real: the index of one of its reals.
        num_bytes: what it needs.
    """

    def __init__(self, real: int, num_bytes: int) -> None:
        """Name a real of the patch."""
        super().__init__(f"the reals around real {real} need {num_bytes} bytes")
        self.real = real
        self.num_bytes = num_bytes


class OutOfTimeError(TimeoutError):
    """There is no time left for a patch of reals.

    Attributes:
        real: the index of one of its reals.
        border: the finite variables around it.
        count: their joint states, in each of which it was to be integrated.
    """

    def __init__(self, real: int, border: tuple[int, ...], count: int) -> None:
        """Name a real of the patch, and its border."""
        super().__init__(f"no time is left for the reals around real {real}, in {count} states")
        self.real = real
        self.border = border
        self.count = count


class NotProperError(Exception):
    """The rows have no integral in a state.

    Attributes:
        state: of the border.
        real: that nothing holds in place, as numbered in the patch.
    """

    def __init__(self, state: int, real: int) -> None:
        """Name both."""
        super().__init__(f"nothing says where real {real} is in state {state}")
        self.state = state
        self.real = real


class LayoutTooLargeError(Exception):
    """What is laid out needs more memory than is allowed.

    Attributes:
        num_bytes: what it needs.
    """

    def __init__(self, num_bytes: int) -> None:
        """Say how much."""
        super().__init__(f"{num_bytes} bytes are needed")
        self.num_bytes = num_bytes
