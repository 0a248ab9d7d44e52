"""Installing, upgrading and removing plugins: a plan first, then `apply`, which nothing else can replace.

from dataflows_registry.install import apply, plan_install

plan = plan_install(["load_csv"])
print(plan.text())
apply(plan)
"""

from __future__ import annotations

from dataflows_registry.install.apply import apply
from dataflows_registry.install.plan import Change, Plan
from dataflows_registry.install.planning import plan_install, plan_releases, plan_uninstall, plan_upgrade

__all__ = ["Change", "Plan", "apply", "plan_install", "plan_releases", "plan_uninstall", "plan_upgrade"]
