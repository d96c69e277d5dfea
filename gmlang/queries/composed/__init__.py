"""Questions that are answered by the answers of others: calculations, and lists.

They have no word of their own: brackets and operators make them.

**Invariants:** an answer made of others is as good as the worst of them; its bounds follow from
theirs by interval arithmetic, or it has none.
"""
