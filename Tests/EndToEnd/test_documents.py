"""What the documents name is there."""
import os, re

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
