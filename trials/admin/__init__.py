"""The admin's pages over trials and options: the shelf, a document with its criteria or statements, and its draft.

Whether a draft may be frozen is decided on the floor above, which adds that to the page of a document through
`DOCUMENT_SECTIONS`.
"""

from trials.admin.documents import DOCUMENT_SECTIONS, DocumentAdmin

__all__ = ["DOCUMENT_SECTIONS", "DocumentAdmin"]
