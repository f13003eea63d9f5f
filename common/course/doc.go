// Package course is the room of the class tool ds: it cuts the starters, grades
// submissions, and steps through the stages in front of a class.
//
// It will also hold the corpus of right, wrong and hostile submissions that the
// graders are tested with. It is a module of its own, so that its dependencies
// never raise the versions that a student's stage is built with.
//
// Nothing of it is built yet. The tool comes after the first stage.
package course
