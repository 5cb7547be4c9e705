"""The admin's pages for logins and groups, in the same look as every other page.

`config` is no app, so Django does not find this module by itself: the addresses import it.
"""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from patients.admin_site import RecordAdmin

admin.site.index_title = "The desk"

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class LoginAdmin(DjangoUserAdmin, RecordAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, RecordAdmin):
    pass
