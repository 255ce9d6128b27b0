using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>Where access key and secret key come from. Files are read again once they change, so that keys can be changed while the agent runs.</summary>
/// <param name="Profile">A name in <paramref name="ProfileFile"/>.</param>
/// <param name="ProfileFile">In the form of <c>~/.aws/credentials</c>; null: that one.</param>
/// <param name="SecretKeyFile">Holds the secret key alone.</param>
internal sealed record ObjectCredentials(string? Profile, string? ProfileFile, string? AccessKey, string? SecretKeyFile, string? SecretKeyVariable)
{
    private const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>Environment, default profile, or the role of the machine: whichever is there.</summary>
    public static readonly ObjectCredentials OfTheMachine = new(null, null, null, null, null);

    /// <summary>For people.</summary>
    public string Shown => AccessKey is not null ? $"key {AccessKey}"
        : Profile is not null || ProfileFile is not null ? $"profile {Profile ?? "default"}{(ProfileFile is null ? "" : $" in '{ProfileFile}'")}"
        : "environment, default profile or role of this machine";

    /// <summary>A warning where more users than its owner may read the file that holds the secret. A group may be the agent's own.</summary>
    /// <param name="path">The key of the address in the configuration.</param>
    public IEnumerable<ConfigurationProblem> Check(string path)
    {
        if ((SecretKeyFile ?? ProfileFile) is { } file && FileStatus.Of(file) is { IsRegular: true } status && (status.Mode & Others) != UnixFileMode.None)
            yield return new ConfigurationProblem(KeyPath.Join(path, "credentials", SecretKeyFile is null ? "file" : "secretKeyFile"), Line: 0, file, "every user of this machine may read the secret key in it", $"chmod o= '{file}'", IsError: false);
    }

    /// <exception cref="BackupException">There are none.</exception>
    public AWSCredentials Open()
    {
        if (AccessKey is not null)
            return new Reread(this, ReadKeys);
        if (Profile is not null || ProfileFile is not null)
            return new Reread(this, ReadProfile);
        try
        {
            return DefaultAWSCredentialsIdentityResolver.GetCredentials();
        }
        catch (AmazonClientException)
        {
            throw Missing("neither the environment, nor a profile, nor a role of this machine gives a key");
        }
    }

    private AWSCredentials ReadKeys()
    {
        var secret = (SecretKeyFile is null ? Environment.GetEnvironmentVariable(SecretKeyVariable!) : File.ReadAllText(SecretKeyFile))?.Trim();
        return string.IsNullOrEmpty(secret)
            ? throw Missing(SecretKeyFile is null ? $"variable {SecretKeyVariable} is not set" : $"file '{SecretKeyFile}' is empty")
            : new BasicAWSCredentials(AccessKey, secret);
    }

    private AWSCredentials ReadProfile()
    {
        var file = new SharedCredentialsFile(ProfileFile);
        return file.TryGetProfile(Profile ?? SharedCredentialsFile.DefaultProfileName, out var profile) && profile.CanCreateAWSCredentials
            ? profile.GetAWSCredentials(file)
            : throw Missing($"there is no {Shown} with a key");
    }

    private static BackupException Missing(string why) => new(FailureKind.Configuration, $"there are no credentials for S3: {why}", "write credentials: with a profile, or with accessKey and secretKeyFile, below s3:");

    private sealed class Reread(ObjectCredentials from, Func<AWSCredentials> read) : AWSCredentials
    {
        private readonly Lock gate = new();
        private AWSCredentials? known;
        private DateTime changed;

        public override ImmutableCredentials GetCredentials()
        {
            lock (gate)
            {
                var now = Changed();
                if (known is null || now != changed)
                    (known, changed) = (Read(), now);
                return known.GetCredentials();
            }
        }

        public override Task<ImmutableCredentials> GetCredentialsAsync() => Task.FromResult(GetCredentials());

        private DateTime Changed() => (from.SecretKeyFile ?? from.ProfileFile ?? (from.Profile is null ? null : SharedCredentialsFile.DefaultFilePath)) is { } file ? File.GetLastWriteTimeUtc(file) : default;

        private AWSCredentials Read()
        {
            try
            {
                return read();
            }
            catch (Exception failure) when (IoFailure.IsKnown(failure))
            {
                throw IoFailure.Translate(failure, $"read the credentials of S3 ({from.Shown})", from.SecretKeyFile ?? from.ProfileFile ?? SharedCredentialsFile.DefaultDirectory);
            }
        }
    }
}
