"""A full round of a person's work with python-gitlab, against the GitLab at ROUND_URL.

Reads ROUND_URL, ROUND_PROJECT (full path) and the tokens ROUND_SAM (Developer) and ROUND_DANA
(Maintainer); prints what it saw as one line of JSON. Any answer that the library does not take ends
it with a traceback and exit code 1.
"""

import json
import os
import time

import gitlab
from gitlab.v4.objects import ProjectMergeRequest

URL = os.environ["ROUND_URL"]
PATH = os.environ["ROUND_PROJECT"]
WAIT_S = 30


def sign_in(variable):
    client = gitlab.Gitlab(URL, private_token=os.environ[variable], per_page=20)
    client.auth()
    return client


def wait_for(what, look):
    """What `look` returns as soon as it is true."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"waited {WAIT_S} s in vain for {what}")


def refused(call):
    """The status of the refusal that `call` must meet."""
    try:
        call()
    except gitlab.GitlabError as error:
        return error.response_code
    raise SystemExit("a call that GitLab refuses went through")


def labels_and_issue(project):
    for number in range(45):
        project.labels.create({"name": f"area::{number:02}", "color": "#336699"})
    first = project.labels.list(per_page=30, iterator=True)
    paged = {"all": len(project.labels.list(get_all=True)), "total": first.total, "pages": first.total_pages}
    issue = project.issues.create({"title": "Count words", "description": "As a table.", "labels": ["area::07"]})
    note = issue.notes.create({"body": "I take it."})
    note.body = "I take it now."
    note.save()
    note.awardemojis.create({"name": "eyes"})
    issue.labels.append("area::08")
    issue.save()
    seen = project.issues.get(issue.iid)
    events = [event.label["name"] for event in issue.resourcelabelevents.list(get_all=True)]
    found = project.issues.list(labels=["area::08"], state="opened", iterator=True)
    return issue, {
        "paged": paged,
        "labels": seen.labels,
        "notes": [one.body for one in seen.notes.list(get_all=True) if not one.system],
        "events": events,
        "found": [one.iid for one in found],
    }


def change(project, issue):
    project.branches.create({"branch": "words", "ref": "main"})
    commit = project.commits.create(
        {
            "branch": "words",
            "commit_message": "Count words",
            "actions": [
                {"action": "create", "file_path": "words.txt", "content": "one\ntwo\n"},
                {"action": "update", "file_path": "README.md", "content": "# app with words\n"},
            ],
        }
    )
    mr = project.mergerequests.create(
        {
            "source_branch": "words",
            "target_branch": "main",
            "title": "Count words",
            "description": f"Closes #{issue.iid}",
            "labels": ["area::07"],
        }
    )
    mr.discussions.create(
        {
            "body": "Why two?",
            "position": {
                "position_type": "text",
                "new_path": "words.txt",
                "old_path": "words.txt",
                "new_line": 2,
                **mr_refs(project.mergerequests.get(mr.iid)),
            },
        }
    )
    file = project.files.get("words.txt", ref="words")
    return commit, mr, file.decode().decode()


def mr_refs(mr: ProjectMergeRequest):
    refs = wait_for("the refs of the merge request", lambda: mr.diff_refs or mr.manager.get(mr.iid).diff_refs)
    return {name: refs[name] for name in ("base_sha", "start_sha", "head_sha")}


def look_at_pipeline(project, commit):
    ended = {"success", "failed"}
    pipeline = wait_for(
        "a pipeline that ended",
        lambda: next((one for one in project.pipelines.list(sha=commit.id, iterator=True) if one.status in ended), None),
    )
    job = project.jobs.get(pipeline.jobs.list(get_all=True)[0].id)
    statuses = project.commits.get(commit.id).statuses.list(get_all=True)
    return {
        "pipeline": [pipeline.status, pipeline.sha == commit.id, project.pipelines.get(pipeline.id).status],
        "job": [job.name, job.status, job.stage],
        "log": job.trace().decode(),
        "statuses": [[one.name, one.status] for one in statuses],
    }


def review_and_merge(project, iid, sha):
    mr = project.mergerequests.get(iid)
    wait_for("a computed merge status", lambda: project.mergerequests.get(iid).detailed_merge_status == "mergeable")
    thread = mr.discussions.list(get_all=True)[-1]
    thread.notes.create({"body": "It is fine."})
    thread.resolved = True
    thread.save()
    stale = refused(lambda: mr.approve(sha="0" * 40))
    mr.approve(sha=sha)
    # The library takes the answer for the merge request, and on GitLab Free that has no iid.
    mr = project.mergerequests.get(iid)
    approvals = mr.approvals.get()
    late = refused(lambda: mr.merge(sha="0" * 40))
    seen = {
        "stale": stale,
        "approved": [approvals.approved, [one["user"]["username"] for one in approvals.approved_by]],
        "late": late,
        "changed": [one["new_path"] for one in mr.changes()["changes"]],
        "commits": [one.title for one in mr.commits()],
        "resolved": [note["resolved"] for note in mr.discussions.get(thread.id).attributes["notes"]],
    }
    mr.merge(sha=sha, should_remove_source_branch=True)
    merged = wait_for("the merge", lambda: (one := project.mergerequests.get(iid)).state == "merged" and one)
    return {**seen, "merged": [merged.state, merged.merge_user["username"]]}


def main():
    sam, dana = sign_in("ROUND_SAM"), sign_in("ROUND_DANA")
    project = sam.projects.get(PATH)
    issue, about_issue = labels_and_issue(project)
    commit, mr, content = change(project, issue)
    about_pipeline = look_at_pipeline(project, commit)
    about_merge = review_and_merge(dana.projects.get(PATH), mr.iid, commit.id)
    stranger = gitlab.Gitlab(URL, private_token="glpat-nobody")
    seen = {
        "version": sam.version()[0],
        "user": sam.user.username,
        "projects": [one.path_with_namespace for one in sam.projects.list(membership=True, iterator=True)],
        "content": content,
        "issue": project.issues.get(issue.iid).state,
        "branches": [one.name for one in project.branches.list(get_all=True)],
        "absent": refused(lambda: project.issues.get(999)),
        "stranger": refused(stranger.auth),
        **about_issue,
        **about_pipeline,
        **about_merge,
    }
    print(json.dumps(seen))


main()
