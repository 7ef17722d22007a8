"""github3.py against a GitHub Enterprise URL (it adds /api/v3); see README.md in this folder."""

import hashlib
import json
import os
import sys

from github3 import GitHubEnterprise
from github3.session import GitHubSession


def observe(github: GitHubEnterprise, name: str, file: str) -> dict:
    repository = github.repository(*name.split("/"))
    issues = list(repository.issues(state="all"))
    titles = "".join(f"{issue.title}\n" for issue in issues)
    oldest = min(issues, key=lambda issue: issue.number)
    return {
        "client": "github3",
        "login": github.me().login,
        "owner": github.user(repository.owner.login).login,
        "repository": repository.full_name,
        "file_sha": repository.file_contents(file).sha,
        "issues": len(issues),
        "titles_sha256": hashlib.sha256(titles.encode()).hexdigest(),
        "oldest_comments": len(list(oldest.comments())),
    }


def write(github: GitHubEnterprise, name: str) -> int:
    repository = github.repository(*name.split("/"))
    issue = repository.create_issue(title="written by github3", body="through the mirror")
    comment = issue.create_comment("commented by github3")
    newest = next(iter(repository.issues(state="all")))
    if newest.number != issue.number:
        sys.exit(f"issue {issue.number} was created, the list begins with {newest.number}")
    if comment.id not in [found.id for found in issue.comments()]:
        sys.exit(f"comment {comment.id} was created and is not listed")
    return issue.number


def main() -> None:
    task = sys.argv[1]
    name = os.environ["REPOSITORY"]
    file = os.environ.get("FILE", "README.md")
    session = GitHubSession(default_connect_timeout=60, default_read_timeout=60)
    github = GitHubEnterprise(os.environ["BASE_URL"], token=os.environ["TOKEN"], session=session)
    seen = observe(github, name, file)
    if task == "write":
        created = write(github, name)
        seen = observe(github, name, file) | {"created": created}
    elif task != "read":
        sys.exit(f"unknown task {task}")
    print(json.dumps(seen, sort_keys=True, separators=(",", ":")))


main()
