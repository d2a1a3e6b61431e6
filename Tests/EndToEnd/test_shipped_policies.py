"""The shipped policies against the published documents that they were drafted from."""
import glob
import json
import os
import re
import shutil

import pytest

from harness import REPOSITORY
from test_policy_import import SHIPPED, SPECIFICATIONS, done, imported, reads_yaml, specifications

# Left CAMARA's errors with Commonalities 0.6: two published files still have it, no policy does.
REMOVED = {"AUTHENTICATION_REQUIRED"}
# What the published schemas offer beside these is forbidden by the event guide (3.1).
ONLY = {"protocol": "HTTP", "credentialType": "ACCESSTOKEN"}
COMMON = ("categories.json", "purposes.json", "legal-bases.json")


def read(path):
    """A policy file: comments on lines of their own or behind a value, trailing commas."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda match: match.group(1) or "", open(path).read())
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def shipped():
    paths = sorted(glob.glob(os.path.join(SHIPPED, "*.json")))
    return {policy["basePath"]: policy for policy in (read(path) for path in paths if os.path.basename(path) not in COMMON)}


POLICIES = shipped()


@pytest.fixture(scope="module")
def drafts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drafts")
    if not specifications():
        pytest.skip(f"no OpenAPI documents in {SPECIFICATIONS} (PASSERELLE_SPECS)")
    if not reads_yaml(folder):
        pytest.skip("this program was built without YAML")
    drafts = {}
    for name in specifications():
        draft = read(imported(os.path.join(SPECIFICATIONS, name), folder / "p")["file"])
        drafts[draft["basePath"]] = draft
    return drafts


def contents(operation):
    """Status to content: `fields`, `items`, or nothing."""
    response = operation["response"]
    return response.get("answers") or {str(status): response for status in response.get("status", [200])}


def required(rule, path=""):
    """The places of what an answer must have."""
    found = set()
    for name, field in (rule.get("fields") or {}).items():
        if field.get("required"):
            found.add(f"{path}{name}")
        found |= required(field, f"{path}{name}.")
    if "items" in rule:
        found |= required(rule["items"], f"{path}[].")
    shapes = rule.get("shapes") or {}
    for value, shape in shapes.get("values", {}).items():
        if shapes["property"] in ONLY:
            # What policies have no shapes for, since one of them alone is allowed.
            found |= required(shape, path) if value == ONLY[shapes["property"]] else set()
        else:
            found |= required(shape, f"{path}{value}|")
    return found


def leaves(rule):
    if not any(kind in rule for kind in ("fields", "items", "entries", "shapes")):
        return [rule]
    below = list((rule.get("fields") or {}).values()) + [rule[kind] for kind in ("items", "entries") if kind in rule]
    below += list((rule.get("shapes") or {}).get("values", {}).values())
    return [leaf for field in below for leaf in leaves(field)]


def test_every_published_operation_is_in_a_policy(drafts):
    for path, draft in drafts.items():
        assert path in POLICIES, path
        for identifier, operation in draft["operations"].items():
            policy = POLICIES[path]["operations"].get(identifier)
            assert policy, (path, identifier)
            assert (policy["method"], policy["path"]) == (operation["method"], operation["path"])
            assert set(policy["scopes"]) == set(operation["scopes"]), (path, identifier)


def test_what_the_published_schema_requires_is_required_by_the_filter(drafts):
    for path, draft in drafts.items():
        for identifier, operation in draft["operations"].items():
            mine, theirs = contents(POLICIES[path]["operations"][identifier]), contents(operation)
            assert set(mine) == set(theirs), (path, identifier)
            for status, content in theirs.items():
                missing = required(content) - required(mine[status])
                assert not missing, (path, identifier, status, missing)


def test_errors_of_the_published_documents_are_known(drafts):
    for path, draft in drafts.items():
        specific = {(error["status"], error["code"]) for error in draft.get("errors", {}).get("specific", [])}
        mine = {(error.get("status"), error.get("code")) for error in POLICIES[path].get("errors", {}).get("specific", [])}
        overridden = {error.get("code") for name, error in POLICIES[path].get("errors", {}).items() if name != "specific"}
        assert {(status, code) for status, code in specific - mine if code not in overridden | REMOVED} == set(), path


def test_importing_again_changes_no_shipped_policy(drafts, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "p")
    for name in specifications():
        out = imported(os.path.join(SPECIFICATIONS, name), tmp_path / "p")
        assert not out["new"] and out["changes"] == [], (name, out["changes"][:5])


def test_nothing_shipped_waits_for_a_review():
    assert "are right" in done("policies", "check", SHIPPED, "--reviewed")


@pytest.mark.parametrize("path", sorted(POLICIES))
def test_every_field_says_what_it_is_and_no_secret_is_among_them(path):
    for identifier, operation in POLICIES[path]["operations"].items():
        for content in contents(operation).values():
            for leaf in leaves(content) if "fields" in content or "items" in content else []:
                assert ("category" in leaf) != ("release" in leaf), (identifier, leaf)
        assert "sinkCredential" not in json.dumps(operation["response"])


def test_every_category_is_used_and_there_is_room_for_more():
    categories = read(os.path.join(SHIPPED, "categories.json"))
    used = {leaf["category"] for policy in POLICIES.values() for operation in policy["operations"].values()
            for content in contents(operation).values() if "fields" in content or "items" in content for leaf in leaves(content) if "category" in leaf}
    for event in (event for policy in POLICIES.values() for operation in policy["operations"].values()
                  for event in operation.get("events", {}).get("types", {}).values()):
        used |= {leaf["category"] for leaf in leaves(event) if "category" in leaf} | ({event["category"]} if "category" in event else set())
    assert used == set(categories) and len(categories) <= 128


def test_subscriptions_take_http_and_access_tokens_alone():
    """The published schemas still offer what the event guide forbids (3.1)."""
    def walk(value):
        if isinstance(value, dict):
            for name, only in ONLY.items():
                rule = value.get("properties", {}).get(name) if isinstance(value.get("properties"), dict) else None
                if rule and "enum" in rule:
                    assert rule["enum"] == [only]
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)
    for policy in POLICIES.values():
        walk(policy)


def uses(operation):
    """What an operation has to do with resources."""
    given = operation.get("resource") or []
    return given if isinstance(given, list) else [given]


def test_a_read_of_one_resource_shows_that_one():
    """A backend that answers with another is caught by its id, where the API requires that there is one."""
    ids = {(policy["api"], use["name"]): use["creates"] for policy in POLICIES.values() for operation in policy["operations"].values()
           for use in uses(operation) if "creates" in use}
    shown = 0
    for policy in POLICIES.values():
        for identifier, operation in policy["operations"].items():
            for use in uses(operation):
                place = ids.get((policy["api"], use["name"]))
                fields = [content.get("fields", {}).get(place) for content in contents(operation).values()]
                if "parameter" in use and not use.get("deletes") and any(field and field.get("required") for field in fields):
                    assert {"name": use["name"], "shows": place} in uses(operation), (policy["api"], identifier)
                    shown += 1
    assert shown >= 10


@pytest.mark.parametrize("path", ["/quality-on-demand/v1", "/webrtc-call-handling/v0.3"])
def test_what_ends_by_itself_is_not_kept_for_more_than_a_year(path):
    made = [use for operation in POLICIES[path]["operations"].values() for use in uses(operation) if "creates" in use]
    assert [use["keptDays"] for use in made] == [30]
