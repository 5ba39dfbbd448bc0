terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # The bucket is stage 0-bootstrap's: terraform init -backend-config="bucket=..."
  backend "s3" {
    key          = "2-data-streaming.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
