"""The table of error codes: what each means, and what to do."""

from __future__ import annotations

from reproaudit.knowledge.resume_errors import RESUME_ERRORS
from reproaudit.knowledge.service_errors import SERVICE_ERRORS

ERRORS = {
    **RESUME_ERRORS,
    **SERVICE_ERRORS,
    "all-ignored": (
        "Every tensor that could decide whether runs are equal matches a pattern under "
        "[tool.reproaudit.ignore], so nothing was compared. That is no success."
    ),
    "batch-inputs": (
        "How a callable is given its rows can be varied only if it is given some: name a callable "
        "or an nn.Module, and with --inputs what it answers for."
    ),
    "batch-parts": (
        "A batch is trained on in parts by a callable that takes rows and returns their loss: the "
        "backward pass is made outside of it, and nothing steps. There are at most as many parts "
        "as rows."
    ),
    "cannot-start": (
        "The interpreter could not be started in the subject's working folder: one of the two is "
        "missing or may not be used. The system's own reason stands in the message."
    ),
    "command-unknown": (
        "The first word is neither a file nor a command, and is nearly one: most likely it is "
        "misspelt. A file of that name would be audited."
    ),
    "config-invalid": (
        "pyproject.toml could not be read or is not valid TOML, so presets and defaults under "
        "[tool.reproaudit] are not known."
    ),
    "device-absent": "A check is to run on a GPU, and torch sees none on this machine.",
    "digests-unreadable": (
        "The file that --against names holds no digests of a run, is cut off, or was made by "
        "another version. Such a file is made by `reproaudit digest TRACE --out FILE`."
    ),
    "disk-full": (
        "The traces of the runs could not be written for lack of room, so that nothing can be "
        "said. Make room, name a folder on another disk with --out, or audit fewer steps."
    ),
    "executor-failed": (
        "The engine that was to make a run could not: what it said is in the message. Usually a "
        "machine lacks reproaudit, or has another version of it or of Python."
    ),
    "executor-option": (
        "--ray or --slurm was given something that it does not take, or that no machine has."
    ),
    "executor-unreachable": (
        "The cluster that was named does not answer, or is of another version. Nothing was run."
    ),
    "executor-unknown": ("No executor has this name."),
    "explain-unknown": (
        "Nothing has this name; without a name, `reproaudit explain` lists everything."
    ),
    "extra-missing": (
        "The executor or the tracker that was asked for works through a library that is not "
        "installed beside reproaudit. The extra of its name brings it."
    ),
    "files-too-large": (
        "Machines that do not see the audit's folder are sent the files of each run, and these are "
        "too large to be sent. Name a folder that all machines see with --out."
    ),
    "folder-too-large": (
        "Each run was to have a copy of the repository, or else of the working folder, and even "
        "the latter holds too many files or bytes to be copied for every run. What git ignores is "
        "linked where it is too large, as environments are. Start the program in a folder of its "
        "own, or have git ignore its data."
    ),
    "input-invalid": (
        "An --inputs entry is not a dtype with a shape, such as float32[8,3,32,32] or int64[]. "
        "Several are separated by spaces."
    ),
    "inputs-missing": "The file that --inputs names, of tensors or of a function, is not there.",
    "inputs-unreadable": (
        "The file that --inputs names holds no tensors, or more than tensors: it is read with "
        "torch.load(weights_only=True)."
    ),
    "inputs-without-module": (
        "--inputs describes what a module is called with. A script makes its own inputs."
    ),
    "inputs-without-rows": (
        "A callable that answers for a batch is given one row for each sample, along the first "
        "dimension of the first input."
    ),
    "internal": (
        "An unexpected exception inside reproaudit itself; the traceback above the message "
        "belongs into a bug report. The exit code is 2: nothing is known about the program."
    ),
    "interrupted": (
        "The audit was stopped from outside. The running program was stopped with it, and what "
        "was recorded until then is kept and can be compared."
    ),
    "intervention-unknown": (
        "No entry in the table of interventions has this name. `reproaudit explain` lists them."
    ),
    "isolation-unknown": (
        "Checks repeat code within the test's own process (inprocess) or in fresh ones (process), "
        "and nothing else."
    ),
    "lock-conflict": (
        "A version control system left both sides of a merge in the lock. The sides are brought "
        "together where they do not contradict each other, and the subjects that are locked again "
        "replace theirs."
    ),
    "lock-corrupt": (
        "The lock holds a line that `reproaudit lock` never writes: it was edited, or merged line "
        "by line. Take it from version control again, or make it again."
    ),
    "lock-entry": (
        "The lock holds nothing for this subject with these arguments. `reproaudit lock` adds an "
        "entry."
    ),
    "lock-missing": (
        "There is no such file. `reproaudit lock SUBJECT` writes reproaudit.lock in the folder "
        "where it is started; --lock names another."
    ),
    "lock-truncated": (
        "The lock ends before its last line, so some of it is lost. Take it from version control "
        "again."
    ),
    "lock-unreadable": "The lock could not be opened, is not UTF-8, or is too large to be one.",
    "lock-version": (
        "The lock was written in another version of the format. Versions are not converted: lock "
        "again."
    ),
    "lock-write": (
        "The lock could not be written. The runs are done, and the file that was there before is "
        "unchanged."
    ),
    "marker-item": (
        "The marker `reproducible` repeats plain test functions and methods. unittest's and "
        "coroutines have ways of their own to be called; the fixture `reproaudit` repeats a "
        "function inside of any test."
    ),
    "marker-option": (
        "The marker `reproducible` was given something that it does not take, or without a name."
    ),
    "module-inputs": (
        "An nn.Module was named, and nothing says what to call it with. Give the dtypes and "
        "shapes with --inputs, one for each positional argument."
    ),
    "module-missing": (
        "A package that reproaudit needs is not installed where it runs, or the interpreter was "
        "told not to look there (python -S)."
    ),
    "needs-fresh-process": (
        "Some changes reach a process only when it starts: environment variables that libraries "
        "read once, files as they were. Repetitions within one process go without them."
    ),
    "no-subjects": (
        "`reproaudit ci` audits the subjects listed in pyproject.toml, and there are none."
    ),
    "no-working-folder": (
        "The folder in which the command was started has been deleted, or may not be read. Change "
        "into another one, or into the same path again if it was made anew."
    ),
    "no-training-step": (
        "The program ran to its end without an optimizer step or a backward pass, so there is "
        "nothing to compare. Programs that only define a model need a training step or a module "
        "to be named."
    ),
    "nothing-has-bytes": (
        "The program trained, but none of the tensors that are compared has bytes that can be "
        "read: those on the meta device have no values, and those within torch.func are wrappers. "
        "So nothing was compared, and nothing is said about the program."
    ),
    "notebook-extra": (
        "A notebook is executed by nbclient with ipykernel, which reproaudit[notebook] installs."
    ),
    "notebook-invalid": (
        "A notebook is a file of Jupyter's format 4 with at least one code cell that is not empty."
    ),
    "notebook-kernel": (
        "The kernel of the notebook runs and does not answer. Try the notebook in Jupyter, or by "
        "jupyter execute, on the same machine."
    ),
    "notebook-language": "The notebook says that it is written in another language than Python.",
    "nothing-recorded": (
        "The program ended before the recorder had written anything. It may have replaced its own "
        "process, removed the trace's folder, or crashed while Python was starting."
    ),
    "other-hardware": (
        "A run was made on another model of processor or GPU than those that it is compared with. "
        "Another model may round otherwise, so that a difference would say nothing. Let the "
        "executor use machines of one kind: --ray resources.NAME=1, --slurm constraint=NAME."
    ),
    "out-exists": (
        "The folder that was named with --out already holds files, and nothing is overwritten."
    ),
    "not-varied": (
        "The project says what must not matter to its subjects. One that differs from run to run "
        "as it is, without a proven repair, cannot be held against that: any further run differs. "
        "Nor can one whose audit could not be done."
    ),
    "pattern-invalid": (
        "A pattern of tensor names is a name with * and ?, with or without a kind before it: "
        "gradient:layers.*, *.bias. The kinds are batch, output, gradient and parameter."
    ),
    "plan-invalid": (
        "The recorder could not read the plan of its run. The interpreter that runs the program "
        "finds another version of reproaudit than the one that started the audit."
    ),
    "program-replaced": (
        "The program became another one, through os.execv or a function of its kind. Where that is "
        "a script in the same Python, it is followed; otherwise nothing of it is recorded."
    ),
    "preset-unknown": (
        "--preset names a table that [tool.reproaudit.presets] in pyproject.toml does not have."
    ),
    "recorder-failed": (
        "The recorder could not be installed in the program's process. It ends the process then: "
        "a run that is recorded in part would be taken for a program that does less."
    ),
    "report-format": (
        "--report names a format that is not registered. FORMAT alone writes to standard output, "
        "FORMAT=PATH to a file."
    ),
    "report-one-result": (
        "result.json holds the result of one audit, and there are several. `--out DIR` of "
        "`reproaudit ci` keeps one for each subject; the other formats render several results as "
        "one report."
    ),
    "report-write": (
        "A report could not be written. It is refused before the runs if that can be seen then; "
        "after them it is kept in the temporary file that the error names, and no half report is "
        "left."
    ),
    "reproducer-write": (
        "The folder for the stand-alone script cannot be written. After the runs it is made in a "
        "temporary folder instead, which the result names."
    ),
    "result-corrupt": (
        "The file is not the result.json of an audit, or it was cut or edited by hand."
    ),
    "result-unreadable": (
        "The saved result is no regular file, is larger than any result, or may not be read."
    ),
    "result-missing": (
        "The result file could not be opened. `reproaudit report` takes a result.json that an "
        "audit wrote."
    ),
    "result-version": (
        "The result was written under another schema version. The reproaudit that wrote it can "
        "render it."
    ),
    "run-lost": (
        "A run was begun again and again, and each time the machine or the process that made it "
        "was gone before it had ended. Usually the program needs more memory than there is."
    ),
    "runs-invalid": "A check compares two repetitions or more.",
    "setting-invalid": "A setting has a value that it cannot take; the hint says what it takes.",
    "step-arguments": (
        "A step that is repeated is called without arguments, or with the device alone. Bind what "
        "it needs: a lambda, functools.partial, a nested function."
    ),
    "step-not-callable": "A check repeats a function. What was given cannot be called.",
    "stream-closed": (
        "The command was started with a standard stream closed, so that its answer or its errors "
        "would be lost. Nothing was run. /dev/null takes what is not wanted."
    ),
    "seed-argument-unknown": (
        "The program was given the seed as `reproaudit seeds` was told, and refused it; the error "
        "shows what it said. Name the option, the variable or the key that it takes."
    ),
    "subject-arguments": (
        "A training step is called without arguments, or with `device` alone. Wrap it in a "
        "function that makes its own inputs."
    ),
    "subject-attribute": (
        "The file has no function or module of that name. The hint lists what it has."
    ),
    "subject-failed": (
        "The first run ended with an error before it trained. The program was then run once "
        "without the recorder, and the hint says whether it fails alone, too. If it does not, the "
        "hint names what the audit changed: the settings that were asked for, files of its own. "
        "An audit gives a program no standard input, and otherwise leaves it as it is."
    ),
    "subject-import": "Python found no way to import the named file as a module.",
    "subject-invalid": (
        "A subject is written train.py, file.py::function, file.py::Module or package.module:name."
    ),
    "subject-is-folder": "A folder was named. Name the script in it that trains.",
    "subject-kind": "The named attribute is neither a callable nor an nn.Module.",
    "subject-missing": "There is no such file in the folder where the command was started.",
    "subject-name": (
        "Two configured subjects have the same name. Baselines, reports and --only tell subjects "
        "apart by it."
    ),
    "subject-not-seen": (
        "A machine of the cluster does not see the program's folder at the path that it has here. "
        "Put it into a folder that all machines share."
    ),
    "subject-not-python": ("Only Python files and notebooks can be audited."),
    "subject-timeout": (
        "A run took longer than --timeout and was killed. Fewer --steps make runs shorter."
    ),
    "subject-unknown": "--only names a subject that pyproject.toml does not configure.",
    "tolerance-syntax": (
        "A tolerance is bitwise, or limits such as rtol=1e-5,atol=1e-8 or ulp=4, for all dtypes, "
        "for one, or for the tensors that a pattern such as gradient:layers.* names."
    ),
    "tolerance-unused": (
        "--tolerance NAME:… says what counts as equal under one variation, and that variation is "
        "not among those that are varied: nothing would be held to it."
    ),
    "too-many-jobs": (
        "More runs at a time were asked for than there are cores, or GPUs. Two runs on one "
        "core would slow each other, and a run that has a part of a core is another program."
    ),
    "trace-corrupt": (
        "A file of the trace is damaged, or is no trace at all. Record the run again, or copy the "
        "trace again if it was recorded elsewhere."
    ),
    "trace-exists": (
        "The folder already holds a trace, and nothing is overwritten; or a link or a file lies in "
        "its place, and nothing is written through either."
    ),
    "trace-incomplete": (
        "A trace was cut short, and would look like a program that did less. Usually the disk is "
        "full."
    ),
    "trace-missing": (
        "A file of the trace is not there. A trace is the folder of one run, with run.json and "
        "events.bin."
    ),
    "trace-unreadable": (
        "The system refused to read a file of the trace; its reason is in the message. Record the "
        "run again, or copy the trace again if it was recorded elsewhere."
    ),
    "trace-unsafe": (
        "A file of the trace is a symbolic link or no regular file. It is not followed: a trace "
        "may come from a stranger, and must not make anyone read what lies elsewhere."
    ),
    "trace-unwritable": (
        "A trace, its log, its plan or its digests cannot be written there: permissions, a full "
        "disk, or something of that name in the way."
    ),
    "trace-version": (
        "The trace was recorded under another version of the format. Versions are not converted: "
        "record again, or compare with the reproaudit that recorded it."
    ),
    "traces-of-another": (
        "`reproaudit report --traces` shows all operators of the two runs around whose sources the "
        "result has some. The traces that were named hold other runs, or the result has none that "
        "recorded operators and differ."
    ),
    "unknown-key": (
        "A table in pyproject.toml has an entry that reproaudit does not know; the hint names the "
        "nearest."
    ),
    "unknown-setting": (
        "A preset has a setting that reproaudit does not know; the hint names the nearest."
    ),
    "usage": (
        "The command line cannot be understood. `reproaudit --help` lists what it takes; the "
        "subject's own options stand behind the subject."
    ),
    "variation-mixed": (
        "batch, place, neighbours and padding compare what a callable answers with what it answers "
        "for each row alone; all other variations compare a program with itself as it is."
    ),
    "variation-none": "What --vary names and leaves out comes to nothing: no variation is left.",
    "variation-syntax": (
        "--vary takes NAME=VALUE,VALUE of one variation, or names with + and - such as "
        "+all,-timezone. An option of the program is arg.--option=VALUE, a variable of the "
        "environment env.NAME=VALUE, and a comma that belongs to a value stands behind a backslash."
    ),
    "variation-unknown": (
        "There is no variation of that name: `reproaudit vary --list` names all. A variable of the "
        "environment is written env.NAME, an option of the program arg.--option."
    ),
    "variation-value": (
        "The variation cannot have that value, or takes none but what is named: python and torch "
        "are paths, of an interpreter and of a virtual environment."
    ),
    "worker-ended": (
        "The process that watched over a run was killed from outside, and the run with it. "
        "Several runs at a time need several times the memory: ask for fewer --jobs."
    ),
    "world-changed": (
        "Runs that are compared have different numbers of ranks: they do not divide the data "
        "alike, so nothing is comparable. Have the launcher start as many each time."
    ),
}
