// Octokit against a GitHub API URL; see README.md in this folder.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The packages are installed elsewhere, and ECMAScript modules know no search path.
const modules = createRequire(resolve(process.env.NODE_DIR, "package.json"));
const load = (name) => import(pathToFileURL(modules.resolve(name)));
const { Octokit } = await load("@octokit/rest");
const { retry } = await load("@octokit/plugin-retry");

const [owner, repo] = process.env.REPOSITORY.split("/");
const perPage = Number(process.env.PER_PAGE ?? "10");
const path = process.env.FILE ?? "README.md";
const octokit = new (Octokit.plugin(retry))({
  auth: process.env.TOKEN,
  baseUrl: process.env.BASE_URL,
  // The mirror is under test: a retry would hide an error.
  request: { retries: 0 },
});

const listIssues = () =>
  octokit.paginate(octokit.rest.issues.listForRepo, { owner, repo, state: "all", per_page: perPage });

const listComments = (number) =>
  octokit.paginate(octokit.rest.issues.listComments, {
    owner,
    repo,
    issue_number: number,
    per_page: perPage,
  });

async function observe() {
  const { data: repository } = await octokit.rest.repos.get({ owner, repo });
  const { data: self } = await octokit.rest.users.getAuthenticated();
  const { data: user } = await octokit.rest.users.getByUsername({ username: repository.owner.login });
  const { data: file } = await octokit.rest.repos.getContent({ owner, repo, path });
  const issues = await listIssues();
  const titles = issues.map((issue) => `${issue.title}\n`).join("");
  const oldest = Math.min(...issues.map((issue) => issue.number));
  return {
    client: "octokit",
    file_sha: file.sha,
    issues: issues.length,
    login: self.login,
    oldest_comments: (await listComments(oldest)).length,
    owner: user.login,
    repository: repository.full_name,
    titles_sha256: createHash("sha256").update(titles).digest("hex"),
  };
}

async function write() {
  const { data: issue } = await octokit.rest.issues.create({
    owner,
    repo,
    title: "written by octokit",
    body: "through the mirror",
  });
  const { data: comment } = await octokit.rest.issues.createComment({
    owner,
    repo,
    issue_number: issue.number,
    body: "commented by octokit",
  });
  const [newest] = await listIssues();
  if (newest.number !== issue.number) {
    throw new Error(`issue ${issue.number} was created, the list begins with ${newest.number}`);
  }
  const comments = await listComments(issue.number);
  if (!comments.some((found) => found.id === comment.id)) {
    throw new Error(`comment ${comment.id} was created and is not listed`);
  }
  return issue.number;
}

const task = process.argv[2];
if (task !== "read" && task !== "write") {
  throw new Error(`unknown task ${task}`);
}
let seen = await observe();
if (task === "write") {
  const created = await write();
  seen = { ...(await observe()), created };
}
console.log(JSON.stringify(seen));
