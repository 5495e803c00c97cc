public import SystemPackage

/// Something that lies in a folder, as it was when the folder was read.
public struct DirectoryEntry: Sendable, Hashable {
    /// Its path: the folder's, and its name.
    public let path: FilePath
    /// What kind of thing it is; a symbolic link is one, whatever it leads to.
    public let type: FileType
    /// How many folders lie between it and where a walk began: 0 for what lies right there.
    public let depth: Int

    /// Its name in the folder.
    public var name: String { path.lastComponent?.string ?? "" }
}
