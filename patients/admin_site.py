"""The one place where the admin's look is chosen: every page of the three apps is a RecordAdmin.

The theme (Unfold) can be changed or upgraded here alone. The class lives on the lowest floor because all three
apps register pages, and imports go down only.
"""

from unfold.admin import ModelAdmin, StackedInline, TabularInline


class RecordAdmin(ModelAdmin):
    """A page over records that may number a million: no full counts, no exports of what was not asked for.

    Search, filters and selects of a subclass must use an index: prefix search (`field__startswith`), choices or
    foreign keys as filters, `autocomplete_fields` for foreign keys, `list_select_related` for what a list shows.
    """

    # Counting a million rows takes longer than showing fifty of them, and nobody reads the number.
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    show_facets = 0
    # A filter is applied when a person says so, not at each tick.
    list_filter_submit = True
    warn_unsaved_form = True
    compressed_fields = True


class RecordTable(TabularInline):
    """Rows of a record shown as a table within its page."""

    extra = 0
    show_change_link = True


class RecordCards(StackedInline):
    """Rows of a record shown one below the other within its page."""

    extra = 0
    show_change_link = True
