"""Array types that say their shapes, `Float64[np.ndarray, "rows columns"]`, for those who read.

They are jaxtyping's for the type checker, and where the environment says `GM_CHECK_SHAPES=1`, as a
test of the shapes does. Else they are `np.ndarray`: importing jaxtyping takes as long as importing
NumPy.
"""

from os import environ
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING or environ.get("GM_CHECK_SHAPES"):
    from jaxtyping import Bool as Bool
    from jaxtyping import Float64 as Float64
    from jaxtyping import Int as Int
    from jaxtyping import Int32 as Int32
    from jaxtyping import Int64 as Int64
    from jaxtyping import UInt8 as UInt8
    from jaxtyping import UInt32 as UInt32
    from jaxtyping import UInt64 as UInt64
else:

    class _Shaped:
        def __class_getitem__(cls, item: tuple[type, str]) -> type[np.ndarray]:
            return np.ndarray

    Bool = Float64 = Int = Int32 = Int64 = UInt8 = UInt32 = UInt64 = _Shaped
