package main

import (
	"time"

	"dss.example/common/blob"

	"dss.example/p2-persist/history"
	"dss.example/p2-persist/judged/pipe"
)

// historyVerbs ask a history in the judge's store, and in the heads that are open.
func historyVerbs() map[string]verb {
	return map[string]verb{
		"history.commit": historyCommit, "history.log": historyLog, "history.resolve": historyResolve, "history.mark": historyMark,
		"history.tag": func(w *world, m pipe.Message) (pipe.Message, error) {
			id, err := blob.ParseBytes(m.Bytes[1])
			if err != nil {
				return texts(), err
			}
			return texts(), w.history().Tag(string(m.Bytes[0]), id)
		},
	}
}

func (w *world) history() history.History { return history.New(w.blobs(), w.heads) }

// historyCommit commits to a branch: name, author, message, root, parents; the time in
// nanoseconds.
func historyCommit(w *world, m pipe.Message) (pipe.Message, error) {
	ids, err := m.IDs(3)
	if err != nil {
		return texts(), err
	}
	id, err := w.history().Commit(string(m.Bytes[0]), history.Snapshot{
		Root: ids[0], Parents: ids[1:], Time: int64(m.Numbers[0]), Author: string(m.Bytes[1]), Message: string(m.Bytes[2]),
	})
	return texts(id[:]), err
}

func historyLog(w *world, m pipe.Message) (pipe.Message, error) {
	from, err := blob.ParseBytes(m.Bytes[0])
	if err != nil {
		return texts(), err
	}
	var ids []blob.ID
	for e, err := range history.Log(w.blobs(), from) {
		if err != nil {
			return texts(), err
		}
		ids = append(ids, e.ID)
	}
	return texts(bytesOf(ids)...), nil
}

// historyResolve finds the snapshot of a spec, at a time in nanoseconds.
func historyResolve(w *world, m pipe.Message) (pipe.Message, error) {
	id, err := w.history().Resolve(string(m.Bytes[0]), time.Unix(0, int64(m.Numbers[0])))
	return texts(id[:]), err
}

func historyMark(w *world, _ pipe.Message) (pipe.Message, error) {
	var ids []blob.ID
	for id, err := range w.history().Mark() {
		if err != nil {
			return texts(), err
		}
		ids = append(ids, id)
	}
	return texts(bytesOf(ids)...), nil
}
