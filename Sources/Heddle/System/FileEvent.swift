public import SystemPackage

/// What a ``FileWatcher`` tells of.
public enum FileEvent: Sendable, Hashable {
    /// Something has this path now that had not: made, or moved there.
    case created(FilePath)
    /// The contents, the permissions or the like of what has this path changed.
    case changed(FilePath)
    /// Nothing has this path any more: removed, or moved away.
    case removed(FilePath)
    /// More happened than was kept: whoever needs the whole picture has to look at everything again.
    case overflow
}
