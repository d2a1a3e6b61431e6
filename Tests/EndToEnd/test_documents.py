"""What the documents name is there."""
import glob, os, re

from harness import REPOSITORY

DOCUMENT = os.path.join(REPOSITORY, "docs", "camara-profile.md")


def test_the_files_and_tests_of_the_profiles_table_exist():
    missing, named = [], 0
    for name in re.findall(r"`([^`\s]+\.(?:swift|py)(?:::\w+)?)`", open(DOCUMENT).read()):
        file, _, test = name.partition("::")
        path = next((p for p in (os.path.join(REPOSITORY, root, file) for root in ("Sources", "Tests")) if os.path.exists(p)), None)
        keyword = "def" if file.endswith(".py") else "func"
        if not path or test and not re.search(rf"\b{keyword} {test}\(", open(path).read()):
            missing.append(name)
        named += 1
    assert named > 150 and not missing, missing


def test_the_example_shows_every_key_that_the_readers_ask_for():
    """The other way round, the program itself refuses a key that no reader asks for; `ConfigurationTests` loads the example."""
    sources = os.path.join(REPOSITORY, "Sources")
    files = glob.glob(f"{sources}/passerelle/Configuration/*.swift") + [
        f"{sources}/passerelle/Streaming/StreamSettings.swift", f"{sources}/Accounting/PlanReader.swift"]
    asked = {key for file in files for key in re.findall(r'\w*(?:[rR]eader|inner)\.\w+\(\s*"(\w+)"', open(file).read())}
    example = open(os.path.join(REPOSITORY, "deploy", "passerelle.example.json")).read()
    missing = sorted(key for key in asked if f'"{key}"' not in example)
    assert len(asked) > 100 and not missing, missing
