"""PyGithub against a GitHub API URL; see README.md in this folder."""

import hashlib
import json
import os
import sys

from github import Auth, Github


def observe(github: Github, name: str, file: str) -> dict:
    repository = github.get_repo(name)
    issues = list(repository.get_issues(state="all"))
    titles = "".join(f"{issue.title}\n" for issue in issues)
    oldest = min(issues, key=lambda issue: issue.number)
    return {
        "client": "pygithub",
        "login": github.get_user().login,
        "owner": github.get_user(repository.owner.login).login,
        "repository": repository.full_name,
        "file_sha": repository.get_contents(file).sha,
        "issues": len(issues),
        "titles_sha256": hashlib.sha256(titles.encode()).hexdigest(),
        "oldest_comments": oldest.get_comments().totalCount,
    }


def write(github: Github, name: str) -> int:
    repository = github.get_repo(name)
    issue = repository.create_issue(title="written by pygithub", body="through the mirror")
    comment = issue.create_comment("commented by pygithub")
    newest = repository.get_issues(state="all")[0]
    if newest.number != issue.number:
        sys.exit(f"issue {issue.number} was created, the list begins with {newest.number}")
    if comment.id not in [found.id for found in issue.get_comments()]:
        sys.exit(f"comment {comment.id} was created and is not listed")
    return issue.number


def main() -> None:
    task = sys.argv[1]
    name = os.environ["REPOSITORY"]
    file = os.environ.get("FILE", "README.md")
    github = Github(
        base_url=os.environ["BASE_URL"],
        auth=Auth.Token(os.environ["TOKEN"]),
        per_page=int(os.environ.get("PER_PAGE", "10")),
        # The mirror is under test: no pauses between requests, and no retry that would hide an error.
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
    )
    seen = observe(github, name, file)
    if task == "write":
        created = write(github, name)
        seen = observe(github, name, file) | {"created": created}
    elif task != "read":
        sys.exit(f"unknown task {task}")
    print(json.dumps(seen, sort_keys=True, separators=(",", ":")))


main()
