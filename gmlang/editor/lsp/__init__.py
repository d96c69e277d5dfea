"""The language server: what `gmlang.editor` knows of a text, over the Language Server Protocol.

Needs pygls, the optional dependency `lsp`; nothing else imports this.
"""
