// A full round of a person's work with GitLab's own Go library (the one glab is built on), against the
// GitLab at ROUND_URL.
//
// Reads ROUND_URL, ROUND_PROJECT (full path) and the tokens ROUND_SAM (Developer) and ROUND_DANA
// (Maintainer); prints what it saw as one line of JSON. Any answer that the library does not take ends it
// with a message and exit code 1.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"
)

const waitLimit = 30 * time.Second

var path = os.Getenv("ROUND_PROJECT")

func signIn(variable string) *gitlab.Client {
	client, err := gitlab.NewClient(os.Getenv(variable), gitlab.WithBaseURL(os.Getenv("ROUND_URL")))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// must takes the three results of a call of the library and leaves the first.
func must[T any](value T, _ *gitlab.Response, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// all collects every page.
func all[T any](list func(page gitlab.PaginationOptionFunc) ([]T, *gitlab.Response, error)) []T {
	found, err := gitlab.ScanAndCollect(list)
	if err != nil {
		log.Fatal(err)
	}
	return found
}

// refused gives the status of the refusal that a call must have met.
func refused(_ any, _ *gitlab.Response, err error) int {
	var refusal *gitlab.ErrorResponse
	if errors.As(err, &refusal) {
		return refusal.Response.StatusCode
	}
	if errors.Is(err, gitlab.ErrNotFound) {
		return 404
	}
	log.Fatalf("a call that GitLab refuses ended with: %v", err)
	return 0
}

// waitFor looks until there is something.
func waitFor[T any](what string, look func() *T) *T {
	for end := time.Now().Add(waitLimit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if found := look(); found != nil {
			return found
		}
	}
	log.Fatalf("waited %v in vain for %s", waitLimit, what)
	return nil
}

func labelsAndIssue(sam *gitlab.Client, seen map[string]any) *gitlab.Issue {
	for number := range 45 {
		name := fmt.Sprintf("area::%02d", number)
		options := &gitlab.CreateLabelOptions{Name: &name, Color: gitlab.Ptr("#336699")}
		must(sam.Labels.CreateLabel(path, options))
	}
	list := &gitlab.ListLabelsOptions{ListOptions: gitlab.ListOptions{PerPage: 30}}
	_, first, err := sam.Labels.ListLabels(path, list)
	if err != nil {
		log.Fatal(err)
	}
	labels := all(func(page gitlab.PaginationOptionFunc) ([]*gitlab.Label, *gitlab.Response, error) {
		return sam.Labels.ListLabels(path, &gitlab.ListLabelsOptions{}, page)
	})
	seen["paged"] = map[string]int{"all": len(labels), "total": first.TotalItems, "pages": first.TotalPages}

	issue := must(sam.Issues.CreateIssue(path, &gitlab.CreateIssueOptions{
		Title:       gitlab.Ptr("Count words"),
		Description: gitlab.Ptr("As a table."),
		Labels:      &gitlab.LabelOptions{"area::07"},
	}))
	note := must(sam.Notes.CreateIssueNote(path, issue.IID, &gitlab.CreateIssueNoteOptions{Body: gitlab.Ptr("I take it.")}))
	must(sam.Notes.UpdateIssueNote(path, issue.IID, note.ID, &gitlab.UpdateIssueNoteOptions{Body: gitlab.Ptr("I take it now.")}))
	eyes := &gitlab.CreateAwardEmojiOptions{Name: "eyes"}
	must(sam.AwardEmoji.CreateIssuesAwardEmojiOnNote(path, issue.IID, note.ID, eyes))
	must(sam.Issues.UpdateIssue(path, issue.IID, &gitlab.UpdateIssueOptions{AddLabels: &gitlab.LabelOptions{"area::08"}}))
	seen["labels"] = must(sam.Issues.GetIssue(path, issue.IID)).Labels
	bodies := []string{}
	for _, one := range must(sam.Notes.ListIssueNotes(path, issue.IID, nil)) {
		if !one.System {
			bodies = append(bodies, one.Body)
		}
	}
	seen["notes"] = bodies
	events := []string{}
	for _, one := range must(sam.ResourceLabelEvents.ListIssueLabelEvents(path, issue.IID, nil)) {
		events = append(events, one.Label.Name)
	}
	seen["events"] = events
	found := []int{}
	search := &gitlab.ListProjectIssuesOptions{Labels: &gitlab.LabelOptions{"area::08"}, State: gitlab.Ptr("opened")}
	for _, one := range must(sam.Issues.ListProjectIssues(path, search)) {
		found = append(found, one.IID)
	}
	seen["found"] = found
	return issue
}

func change(sam *gitlab.Client, issue *gitlab.Issue, seen map[string]any) (*gitlab.Commit, *gitlab.MergeRequest) {
	must(sam.Branches.CreateBranch(path, &gitlab.CreateBranchOptions{Branch: gitlab.Ptr("words"), Ref: gitlab.Ptr("main")}))
	commit := must(sam.Commits.CreateCommit(path, &gitlab.CreateCommitOptions{
		Branch:        gitlab.Ptr("words"),
		CommitMessage: gitlab.Ptr("Count words"),
		Actions: []*gitlab.CommitActionOptions{
			{Action: gitlab.Ptr(gitlab.FileCreate), FilePath: gitlab.Ptr("words.txt"), Content: gitlab.Ptr("one\ntwo\n")},
			{Action: gitlab.Ptr(gitlab.FileUpdate), FilePath: gitlab.Ptr("README.md"), Content: gitlab.Ptr("# app with words\n")},
		},
	}))
	mr := must(sam.MergeRequests.CreateMergeRequest(path, &gitlab.CreateMergeRequestOptions{
		SourceBranch: gitlab.Ptr("words"),
		TargetBranch: gitlab.Ptr("main"),
		Title:        gitlab.Ptr("Count words"),
		Description:  gitlab.Ptr(fmt.Sprintf("Closes #%d", issue.IID)),
		Labels:       &gitlab.LabelOptions{"area::07"},
	}))
	mr = waitFor("the refs of the merge request", func() *gitlab.MergeRequest {
		now := must(sam.MergeRequests.GetMergeRequest(path, mr.IID, nil))
		if now.DiffRefs.HeadSha == "" {
			return nil
		}
		return now
	})
	must(sam.Discussions.CreateMergeRequestDiscussion(path, mr.IID, &gitlab.CreateMergeRequestDiscussionOptions{
		Body: gitlab.Ptr("Why two?"),
		Position: &gitlab.PositionOptions{
			PositionType: gitlab.Ptr("text"),
			BaseSHA:      &mr.DiffRefs.BaseSha,
			StartSHA:     &mr.DiffRefs.StartSha,
			HeadSHA:      &mr.DiffRefs.HeadSha,
			NewPath:      gitlab.Ptr("words.txt"),
			OldPath:      gitlab.Ptr("words.txt"),
			NewLine:      gitlab.Ptr(2),
		},
	}))
	file := must(sam.RepositoryFiles.GetRawFile(path, "words.txt", &gitlab.GetRawFileOptions{Ref: gitlab.Ptr("words")}))
	seen["content"] = string(file)
	return commit, mr
}

func lookAtPipeline(sam *gitlab.Client, commit *gitlab.Commit, seen map[string]any) {
	pipeline := waitFor("a pipeline that ended", func() *gitlab.PipelineInfo {
		list := &gitlab.ListProjectPipelinesOptions{SHA: &commit.ID, OrderBy: gitlab.Ptr("id")}
		for _, one := range must(sam.Pipelines.ListProjectPipelines(path, list)) {
			if one.Status == "success" || one.Status == "failed" {
				return one
			}
		}
		return nil
	})
	again := must(sam.Pipelines.GetPipeline(path, pipeline.ID))
	seen["pipeline"] = []any{pipeline.Status, pipeline.SHA == commit.ID, again.Status}
	job := must(sam.Jobs.GetJob(path, must(sam.Jobs.ListPipelineJobs(path, pipeline.ID, nil))[0].ID))
	seen["job"] = []string{job.Name, job.Status, job.Stage}
	trace, err := io.ReadAll(must(sam.Jobs.GetTraceFile(path, job.ID)))
	if err != nil {
		log.Fatal(err)
	}
	seen["log"] = string(trace)
	statuses := [][]string{}
	for _, one := range must(sam.Commits.GetCommitStatuses(path, commit.ID, nil)) {
		statuses = append(statuses, []string{one.Name, one.Status})
	}
	seen["statuses"] = statuses
}

func reviewAndMerge(dana *gitlab.Client, iid int, sha string, seen map[string]any) {
	waitFor("a computed merge status", func() *gitlab.MergeRequest {
		mr := must(dana.MergeRequests.GetMergeRequest(path, iid, nil))
		if mr.DetailedMergeStatus != "mergeable" {
			return nil
		}
		return mr
	})
	threads := must(dana.Discussions.ListMergeRequestDiscussions(path, iid, nil))
	thread := threads[len(threads)-1]
	must(dana.Discussions.AddMergeRequestDiscussionNote(path, iid, thread.ID,
		&gitlab.AddMergeRequestDiscussionNoteOptions{Body: gitlab.Ptr("It is fine.")}))
	must(dana.Discussions.ResolveMergeRequestDiscussion(path, iid, thread.ID,
		&gitlab.ResolveMergeRequestDiscussionOptions{Resolved: gitlab.Ptr(true)}))
	stale := gitlab.Ptr("0000000000000000000000000000000000000000")
	approve := func(head *string) (*gitlab.MergeRequestApprovals, *gitlab.Response, error) {
		return dana.MergeRequestApprovals.ApproveMergeRequest(path, iid, &gitlab.ApproveMergeRequestOptions{SHA: head})
	}
	accept := func(head *string) (*gitlab.MergeRequest, *gitlab.Response, error) {
		return dana.MergeRequests.AcceptMergeRequest(path, iid,
			&gitlab.AcceptMergeRequestOptions{SHA: head, ShouldRemoveSourceBranch: gitlab.Ptr(true)})
	}
	seen["stale"] = refused(approve(stale))
	must(approve(&sha))
	approvals := must(dana.MergeRequestApprovals.GetConfiguration(path, iid))
	by := []string{}
	for _, one := range approvals.ApprovedBy {
		by = append(by, one.User.Username)
	}
	seen["approved"] = []any{approvals.Approved, by}
	seen["late"] = refused(accept(stale))
	changed := []string{}
	for _, one := range must(dana.MergeRequests.ListMergeRequestDiffs(path, iid, nil)) {
		changed = append(changed, one.NewPath)
	}
	seen["changed"] = changed
	commits := []string{}
	for _, one := range must(dana.MergeRequests.GetMergeRequestCommits(path, iid, nil)) {
		commits = append(commits, one.Title)
	}
	seen["commits"] = commits
	resolved := []bool{}
	for _, one := range must(dana.Discussions.GetMergeRequestDiscussion(path, iid, thread.ID)).Notes {
		resolved = append(resolved, one.Resolved)
	}
	seen["resolved"] = resolved
	must(accept(&sha))
	merged := waitFor("the merge", func() *gitlab.MergeRequest {
		mr := must(dana.MergeRequests.GetMergeRequest(path, iid, nil))
		if mr.State != "merged" {
			return nil
		}
		return mr
	})
	seen["merged"] = []string{merged.State, merged.MergeUser.Username}
}

func main() {
	log.SetFlags(log.Lshortfile)
	sam, dana := signIn("ROUND_SAM"), signIn("ROUND_DANA")
	seen := map[string]any{}
	seen["version"] = must(sam.Metadata.GetMetadata()).Version
	seen["user"] = must(sam.Users.CurrentUser()).Username
	issue := labelsAndIssue(sam, seen)
	commit, mr := change(sam, issue, seen)
	lookAtPipeline(sam, commit, seen)
	reviewAndMerge(dana, mr.IID, commit.ID, seen)
	projects := []string{}
	for _, one := range must(sam.Projects.ListProjects(&gitlab.ListProjectsOptions{Membership: gitlab.Ptr(true)})) {
		projects = append(projects, one.PathWithNamespace)
	}
	seen["projects"] = projects
	seen["issue"] = must(sam.Issues.GetIssue(path, issue.IID)).State
	branches := []string{}
	for _, one := range must(sam.Branches.ListBranches(path, nil)) {
		branches = append(branches, one.Name)
	}
	seen["branches"] = branches
	seen["absent"] = refused(sam.Issues.GetIssue(path, 999))
	stranger, err := gitlab.NewClient("glpat-nobody", gitlab.WithBaseURL(os.Getenv("ROUND_URL")))
	if err != nil {
		log.Fatal(err)
	}
	seen["stranger"] = refused(stranger.Users.CurrentUser())
	line, err := json.Marshal(seen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}
