// Package course is the front of the class tool ds, which cuts the starters, shows
// the steps, runs the tests, and grades submissions.
//
// It knows no stage by name. A stage is a folder with a stage.yaml (package stage),
// sources with //ds: directives (package ladder), tests that go test runs (package
// exam), patches (package zoo), and a program that judges a submission's programs
// from outside (dss.example/common/judge; package grade runs it). Adding a stage is
// a matter of files in that stage.
//
// The module stands apart, so that its dependencies never raise the versions that a
// student's stage is built with.
package course
