// Tells what happens in a folder, until that is removed.
import Heddle
import SystemPackage

let arguments = CommandLine.arguments
let folder = try FilePath(validating: arguments.count > 1 ? arguments[1] : ".")
do {
    try await Runtime.run(.init(threads: 1)) { runtime in
        let files = runtime.nextLoop.files
        let options = WatchOptions(debounce: .milliseconds(20))
        let watcher = try await files.watch(folder, options: options)
        print("watching \(folder)")
        for await event in watcher {
            switch event {
            case .created(let path): print("created \(path)")
            case .changed(let path): print("changed \(path)")
            case .removed(let path):
                print("removed \(path)")
                if path == folder { return }
            case .overflow: print("too much at once: look at everything again")
            }
        }
    }
} catch {
    print(error)
}
