"""Message rules as CUDA sources, specialised as text before they are compiled."""
